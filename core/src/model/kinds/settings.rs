//! The plan's settings: when a day begins, the client's time zone, how many goals are active at a time.
//! A chain; while heads contradict each other the lower record id holds and all are shown.

use chrono::{DateTime, NaiveDate, Utc};
use minicbor::encode::{Encoder, Write};
use minicbor::{Decode, Decoder, Encode};
use serde::Serialize;

use crate::model::chain::Chain;
use crate::model::ids::RecordId;
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::item::body::Newer;
use crate::model::item::check::between_opt;
use crate::model::kinds::Kind;
use crate::model::left_out::Reason;
use crate::model::plan::Plan;
use crate::model::record::{Home, RecordKind, write};
use crate::model::records::Records;
use crate::model::text::{LINK_LIMIT, check_count, in_range, read_links};
use crate::model::time::{
    CUT_OFF_LIMIT, DEFAULT_CUT_OFF_HOUR, is_zone_name, local_date, read_instant, write_instant,
    zone,
};
use crate::role::Role;

/// Goals that are active at a time, unless the plan says otherwise.
pub const ACTIVE_LIMIT: u8 = 3;
/// The most that can be chosen.
const MOST_ACTIVE: u8 = 20;

/// Settings as stored, with those that only a newer app knows: who changes one hands the others on,
/// so that an older app on the tablet takes nothing away from the phone.
#[derive(Clone, Debug)]
pub(crate) struct PlanSettings {
    pub(crate) known: Known,
    newer: Newer,
}

/// The settings that this version knows.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct Known {
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
    #[n(5)]
    pub(crate) active_limit: Option<u8>,
}

/// One more than the highest key of what this version knows.
const KEYS: u64 = 6;

impl<C> Encode<C> for PlanSettings {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.newer.write(&self.known, e)
    }
}

impl<'b, C> Decode<'b, C> for PlanSettings {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let newer = Newer::read(d, KEYS)?;
        let known = Known::decode(d, &mut ())?;
        Ok(Self { known, newer })
    }
}

impl RecordKind for PlanSettings {
    const WRITERS: &'static [Role] = &[Role::Client];
    const ACTION: &'static str = "change the plan's settings";
    const OF_PLAN: bool = true;

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Plan)
    }

    fn check(&self) -> Result<(), Reason> {
        let known = &self.known;
        read_instant(known.at)?;
        read_links(known.replaces.len())?;
        in_range(known.cut_off_hour.is_none_or(|hour| hour <= CUT_OFF_LIMIT))?;
        in_range(check_limit(known.active_limit).is_ok())?;
        in_range(known.time_zone.as_deref().is_none_or(is_zone_name))
    }

    fn links(&self) -> Vec<RecordId> {
        self.known.replaces.clone()
    }

    fn replaces(&self) -> Vec<RecordId> {
        self.known.replaces.clone()
    }
}

fn check_limit(active: Option<u8>) -> Result<(), InputError> {
    between_opt("active goals", active, 1, MOST_ACTIVE.into())
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
    /// How many goals are active at a time before a person is asked, 1 to 20.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub active_limit: Option<u8>,
}

impl NewSettings {
    /// Makes the record. It replaces every head, so it also settles a conflict.
    ///
    /// # Errors
    /// If the hour or the limit is out of range, the zone unknown, or the role is not the client's.
    pub fn record(&self, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        between_opt("cut-off hour", self.cut_off_hour, 0, CUT_OFF_LIMIT.into())?;
        check_limit(self.active_limit)?;
        self.time_zone.as_deref().map(zone).transpose()?;
        let now = holding(plan.records());
        let (known, newer) = now.map(|now| (&now.known, now.newer.clone())).unzip();
        let replaces = chain(plan.records()).heads();
        check_count("settings to replace", replaces.len(), LINK_LIMIT)?;
        let known_limit = known.and_then(|known| known.active_limit);
        let held = plan.known_settings();
        let settings = PlanSettings {
            known: Known {
                kind: Kind::PlanSettings,
                at: write_instant(stamp.at)?,
                replaces,
                cut_off_hour: Some(self.cut_off_hour.unwrap_or(held.cut_off_hour)),
                time_zone: self.time_zone.clone().or_else(|| held.time_zone.clone()),
                active_limit: self.active_limit.or(known_limit),
            },
            newer: newer.unwrap_or_default(),
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
    /// How many goals are active at a time before a person is asked; 3 until somebody chose.
    #[serde(skip_serializing_if = "is_usual")]
    pub active_limit: u8,
}

impl SettingsView {
    /// The local date of an instant by what the plan alone says, in UTC where it says nothing: the same
    /// on every device.
    pub(crate) fn date_of(&self, at: DateTime<Utc>) -> NaiveDate {
        let known = self.time_zone.as_deref().and_then(|name| zone(name).ok());
        local_date(at, known.unwrap_or(chrono_tz::UTC), self.cut_off_hour)
    }
}

// With a reference, as serde asks for.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's own form")]
const fn is_usual(limit: &u8) -> bool {
    *limit == ACTIVE_LIMIT
}

/// The settings that hold among these records.
pub(crate) fn view(records: &Records) -> SettingsView {
    let heads = chain(records).heads();
    let known = holding(records).map(|settings| &settings.known);
    let cut_off = known.and_then(|known| known.cut_off_hour);
    SettingsView {
        cut_off_hour: cut_off.unwrap_or(DEFAULT_CUT_OFF_HOUR),
        time_zone: known.and_then(|known| known.time_zone.clone()),
        conflict: if heads.len() > 1 { heads } else { Vec::new() },
        active_limit: known
            .and_then(|known| known.active_limit)
            .unwrap_or(ACTIVE_LIMIT),
    }
}

fn holding(records: &Records) -> Option<&PlanSettings> {
    let heads = chain(records).heads();
    let first = records.get::<PlanSettings>(*heads.first()?)?;
    Some(first.record)
}

fn chain(records: &Records) -> Chain {
    let settings = records.of::<PlanSettings>();
    Chain::new(settings.map(|entry| (entry.id, records.through(&entry.record.known.replaces))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, therapist};

    fn hour(hour: u8) -> NewSettings {
        NewSettings {
            cut_off_hour: Some(hour),
            ..NewSettings::default()
        }
    }

    #[test]
    fn a_day_begins_at_three_until_the_client_says_otherwise() {
        let mut space = Space::default();
        assert_eq!(space.plan().settings().cut_off_hour, 3);
        space.put(client(), |p, s| hour(5).record(p, s));
        let zone = NewSettings {
            time_zone: Some("Asia/Tokyo".into()),
            ..NewSettings::default()
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

    /// An older app on the tablet would take away what the phone's newer one had set.
    #[test]
    fn settings_of_a_newer_app_survive_a_change() {
        let mut space = Space::default();
        let made = hour(4).record(&space.plan(), &Space::stamp(client(), 0));
        let bytes = with_setting(&made.unwrap().bytes, 9, "of a newer app");
        let newer = NewRecord {
            id: RecordId::of(&bytes),
            document: crate::model::DocumentKey::PLAN,
            bytes,
        };
        let first = space.store(newer, client());
        assert_eq!(space.plan().settings().cut_off_hour, 4);
        space.clock += 1;
        let second = space.put(client(), |p, s| hour(6).record(p, s));
        let has_it = |id| {
            let mut parts = space.bytes(id).windows(14);
            parts.any(|part| part == b"of a newer app")
        };
        assert!(has_it(first) && has_it(second));
        let plan = space.plan();
        assert_eq!(
            (plan.settings().cut_off_hour, plan.left_out()),
            (6, Vec::new())
        );
    }

    /// The same map with one more entry at its end.
    fn with_setting(bytes: &[u8], key: u64, text: &str) -> Vec<u8> {
        let mut decoder = Decoder::new(bytes);
        let count = decoder.map().unwrap().unwrap();
        let mut encoder = Encoder::new(Vec::new());
        encoder.map(count + 1).unwrap();
        let mut changed = encoder.into_writer();
        changed.extend_from_slice(&bytes[decoder.position()..]);
        let mut encoder = Encoder::new(changed);
        encoder.u64(key).unwrap().str(text).unwrap();
        encoder.into_writer()
    }
}
