//! What a client is opened with.

use waymark_core::client::Config;

/// What a client is opened with.
#[derive(Clone, Debug, uniffi::Record)]
pub struct WaymarkConfig {
    /// Where the database is: a directory of the app's own, made if it is not there.
    pub directory: String,
    /// The address of the relay that plans created here are served by: scheme, host and port.
    pub relay: String,
    /// The device's time zone as it opens, an IANA name such as `Europe/Berlin`.
    pub time_zone: String,
    /// Certificates to trust beside the web's own, in DER.
    #[uniffi(default)]
    pub roots: Vec<Vec<u8>>,
    /// Where widgets, notification actions and extensions leave check-ins, if the app has such: a
    /// directory that they can write, as in an app group's container.
    #[uniffi(default)]
    pub drop_box: Option<String>,
}

impl From<WaymarkConfig> for Config {
    fn from(config: WaymarkConfig) -> Self {
        Self {
            time_zone: config.time_zone,
            roots: config.roots,
            drop_box: config.drop_box.map(Into::into),
            ..Self::new(config.directory, &config.relay)
        }
    }
}
