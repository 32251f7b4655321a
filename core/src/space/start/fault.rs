use waymark_wire::ids::DeviceNumber;

/// What is wrong with a checkpoint at which this device was to start, or with a snapshot of it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StartFault {
    /// It cannot be read, or is another space's.
    #[error("it cannot be read")]
    Body,
    /// A member has compared it with the log, and it is not what the log says.
    #[error("{0} has found it wrong")]
    CalledBad(DeviceNumber),
    /// The counters that it states are not those of the membership entries, of its place, or of what
    /// this device has read.
    #[error("its counters are wrong")]
    Counters,
    /// A document's snapshot does not hold the changes that it states.
    #[error("a snapshot does not hold the changes that it states")]
    Digest,
    /// A document's snapshot ended this app twice.
    #[error("a snapshot has ended the app")]
    Killed,
    /// The membership up to its place is another one than it states, or than this device has read.
    #[error("its membership is another one")]
    Membership,
    /// The relay does not have snapshots that it names.
    #[error("the relay does not have {0} of its snapshots")]
    Missing(usize),
    /// Something was forgotten behind the place that it covers: it holds that still.
    #[error("something was forgotten since")]
    Outdated,
    /// It stands somewhere else than the relay says.
    #[error("it is not at its place")]
    Place,
    /// Its private part does not open, or does not tell of whole documents.
    #[error("it does not say which snapshot is which document")]
    Private,
    /// Nobody but its publisher has confirmed it.
    #[error("nobody else has confirmed it")]
    Quorum,
    /// The gate refuses a snapshot.
    #[error("a snapshot is refused: {0}")]
    Refused(&'static str),
    /// Whoever signed it, or a snapshot of it, was no writer.
    #[error("a writer did not sign it")]
    Signer,
    /// It is more than one device takes at a time.
    #[error("it is larger than it may be")]
    TooLarge,
    /// The membership does not show the entry that this device was welcomed with, or later.
    #[error("it does not show what the welcome names")]
    Welcome,
}
