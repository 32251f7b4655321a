//! How far a sync is, in words.

use waymark_core::client::Status;

/// How many spaces are read; none where all of them are. While a device joins, the number of those
/// that are known grows too.
pub(super) fn reading(status: &[Status]) -> Option<String> {
    let ready = status.iter().filter(|space| space.ready).count();
    match (ready, status.len()) {
        (ready, all) if ready == all => None,
        (_, 1) => Some("looking for this person's spaces".into()),
        (ready, all) => Some(format!("{ready} of {all} spaces")),
    }
}

/// The same, and then what is left to send.
pub(super) fn syncing(status: &[Status]) -> String {
    // What waits in a closed space never leaves this device.
    let open = status.iter().filter(|space| !space.closed);
    let left = open
        .map(|space| space.unsent.saturating_add(space.on_the_way))
        .fold(0, u32::saturating_add);
    match (reading(status), left) {
        (Some(reading), _) => format!("syncing: {reading}"),
        (None, 0) => "syncing".into(),
        (None, left) => format!("syncing: {left} to send"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(ready: bool, unsent: u32) -> Status {
        Status {
            plan: None,
            ready,
            closed: false,
            followed_by: None,
            unsent,
            on_the_way: 1,
            waiting: 0,
            held: 0,
            evidence: 0,
            covered: 0,
            synced: None,
            problem: None,
            problem_detail: None,
        }
    }

    /// Whoever waits for a year of forty spaces wants to know whether it goes on.
    #[test]
    fn a_device_that_joins_says_how_many_spaces_it_has() {
        let home = [space(false, 0)];
        assert_eq!(syncing(&home), "syncing: looking for this person's spaces");
        let mut all = vec![space(true, 1); 12];
        assert_eq!(syncing(&all), "syncing: 24 to send");
        all.extend(vec![space(false, 0); 28]);
        assert_eq!(reading(&all).as_deref(), Some("12 of 40 spaces"));
        assert_eq!(reading(&all[..12]), None);
        assert_eq!(syncing(&[]), "syncing");
    }
}
