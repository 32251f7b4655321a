-- What an operator's push gateway makes a device of, for members that asked to be woken.
CREATE TABLE wake (
    space  bigint NOT NULL,
    device bigint NOT NULL,
    token  bytea NOT NULL, -- sealed by the device for the gateway, another in every space
    PRIMARY KEY (space, device)
);
