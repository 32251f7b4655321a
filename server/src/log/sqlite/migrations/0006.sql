-- What an operator's push gateway makes a device of, for members that asked to be woken.
CREATE TABLE wake (
    signer INTEGER PRIMARY KEY, -- space.number * 2^16 + device number
    token  BLOB NOT NULL        -- sealed by the device for the gateway, another in every space
) STRICT;
