//! The name of a plan, as apps keep and show it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::WaymarkError;

/// A plan: the care space that holds it. Shown as 43 characters of base64url without padding.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PlanId(pub [u8; 32]);

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl Serialize for PlanId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlanId({self})")
    }
}

impl FromStr for PlanId {
    type Err = WaymarkError;

    fn from_str(text: &str) -> Result<Self, WaymarkError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| WaymarkError::invalid("a plan's id has 43 base64url characters"))
    }
}

#[cfg(feature = "uniffi")]
uniffi::custom_type!(PlanId, String, {
    try_lift: |text| Ok(text.parse::<PlanId>()?),
    lower: |id| id.to_string(),
});
