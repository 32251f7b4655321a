//! The plan's settings: when a day begins, and the client's time zone. A chain; while heads
//! contradict each other the lower record id holds and all are shown.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::model::chain::Chain;
use crate::model::ids::RecordId;
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::kinds::Kind;
use crate::model::left_out::Reason;
use crate::model::plan::Plan;
use crate::model::record::{Home, RecordKind, write};
use crate::model::records::Records;
use crate::model::text::{LINK_LIMIT, check_count, in_range, read_links};
use crate::model::time::{
    CUT_OFF_LIMIT, DEFAULT_CUT_OFF_HOUR, is_zone_name, read_instant, write_instant, zone,
};
use crate::role::Role;

/// Settings as stored.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct PlanSettings {
    #[n(0)]
    pub(crate) kind: Kind,
    #[n(1)]
    pub(crate) at: i64,
    #[n(2)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub(crate) replaces: Vec<RecordId>,
    #[n(3)]
    pub(crate) cut_off_hour: Option<u8>,
    #[n(4)]
    pub(crate) time_zone: Option<String>,
}

impl RecordKind for PlanSettings {
    const WRITERS: &'static [Role] = &[Role::Client];
    const ACTION: &'static str = "change the plan's settings";
    const OF_PLAN: bool = true;

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Plan)
    }

    fn check(&self) -> Result<(), Reason> {
        read_instant(self.at)?;
        read_links(self.replaces.len())?;
        in_range(self.cut_off_hour.is_none_or(|hour| hour <= CUT_OFF_LIMIT))?;
        in_range(self.time_zone.as_deref().is_none_or(is_zone_name))
    }

    fn links(&self) -> Vec<RecordId> {
        self.replaces.clone()
    }

    fn replaces(&self) -> Vec<RecordId> {
        self.replaces.clone()
    }
}

/// Settings to change; what is `None` stays as it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NewSettings {
    /// The hour at which a new day begins, 0 to 11.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub cut_off_hour: Option<u8>,
    /// The client's time zone, an IANA name.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub time_zone: Option<String>,
}

impl NewSettings {
    /// Makes the record. It replaces every head, so it also settles a conflict.
    ///
    /// # Errors
    /// If the hour is out of range, the zone unknown, or the role is not the client's.
    pub fn record(&self, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        if let Some(hour) = self.cut_off_hour.filter(|hour| *hour > CUT_OFF_LIMIT) {
            let (value, max) = (hour.into(), CUT_OFF_LIMIT.into());
            return Err(InputError::Outside {
                field: "cut-off hour",
                value,
                min: 0,
                max,
            });
        }
        self.time_zone.as_deref().map(zone).transpose()?;
        let now = plan.settings();
        let replaces = chain(plan.records()).heads();
        check_count("settings to replace", replaces.len(), LINK_LIMIT)?;
        let settings = PlanSettings {
            kind: Kind::PlanSettings,
            at: write_instant(stamp.at)?,
            replaces,
            cut_off_hour: Some(self.cut_off_hour.unwrap_or(now.cut_off_hour)),
            time_zone: self.time_zone.clone().or(now.time_zone),
        };
        write(&settings, stamp)
    }
}

/// The settings that hold.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SettingsView {
    /// The hour at which a new day begins; 3 until somebody chose.
    pub cut_off_hour: u8,
    /// The client's time zone, as the plan last knew it.
    pub time_zone: Option<String>,
    /// Settings that contradict each other; those with the lower id hold. Empty when there is
    /// nothing to choose.
    pub conflict: Vec<RecordId>,
}

/// The settings that hold among these records.
pub(crate) fn view(records: &Records) -> SettingsView {
    let heads = chain(records).heads();
    let first = heads
        .first()
        .and_then(|id| records.get::<PlanSettings>(*id));
    let cut_off = first.and_then(|entry| entry.record.cut_off_hour);
    SettingsView {
        cut_off_hour: cut_off.unwrap_or(DEFAULT_CUT_OFF_HOUR),
        time_zone: first.and_then(|entry| entry.record.time_zone.clone()),
        conflict: if heads.len() > 1 { heads } else { Vec::new() },
    }
}

fn chain(records: &Records) -> Chain {
    let settings = records.of::<PlanSettings>();
    Chain::new(settings.map(|entry| (entry.id, records.through(&entry.record.replaces))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, therapist};

    fn hour(hour: u8) -> NewSettings {
        NewSettings {
            cut_off_hour: Some(hour),
            time_zone: None,
        }
    }

    #[test]
    fn a_day_begins_at_three_until_the_client_says_otherwise() {
        let mut space = Space::default();
        assert_eq!(space.plan().settings().cut_off_hour, 3);
        space.put(client(), |p, s| hour(5).record(p, s));
        let zone = NewSettings {
            cut_off_hour: None,
            time_zone: Some("Asia/Tokyo".into()),
        };
        space.put(client(), |p, s| zone.record(p, s));
        let now = space.plan().settings();
        assert_eq!(
            (now.cut_off_hour, now.time_zone.as_deref()),
            (5, Some("Asia/Tokyo"))
        );
        let error = space.refused(therapist(), |p, s| hour(5).record(p, s));
        assert_eq!(
            error.to_string(),
            "a therapist may not change the plan's settings"
        );
        let error = space.refused(client(), |p, s| hour(12).record(p, s));
        assert_eq!(error.to_string(), "cut-off hour 12 is outside 0–11");
    }

    #[test]
    fn until_people_choose_the_lower_id_holds_everywhere() {
        let mut space = Space::default();
        let mut phone = space.clone();
        let four = space.put(client(), |p, s| hour(4).record(p, s));
        let five = phone.put(client(), |p, s| hour(5).record(p, s));
        space.merge(&phone);
        let now = space.plan().settings();
        assert_eq!(now.cut_off_hour, if four < five { 4 } else { 5 });
        assert_eq!(now.conflict.len(), 2);
        space.put(client(), |p, s| hour(6).record(p, s));
        assert!(space.plan().settings().conflict.is_empty());
    }
}
