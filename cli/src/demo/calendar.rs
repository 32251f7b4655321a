//! When the phone is online, and on which days something happens that people agree on.

use super::dice::Dice;

/// The days that the story is told in; other lengths are scaled to it.
const DAYS: u32 = 238;
/// Times without a network: first and last day.
const GAPS: [(u32, u32); 4] = [(26, 35), (73, 93), (151, 164), (203, 210)];

/// The days on which something happens. Days count from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Calendar {
    /// A note that both write into.
    pub(crate) session: u32,
    /// The therapist proposes more.
    pub(crate) proposed: u32,
    /// The client accepts it.
    pub(crate) accepted: u32,
    /// The second phone comes.
    pub(crate) second_phone: u32,
    /// The last day.
    pub(crate) last: u32,
    /// From how many days without a network on coming back is told: a week.
    pub(crate) worth_telling: u32,
}

/// On which days the phone is online.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Network {
    online: Vec<bool>,
}

impl Calendar {
    /// The days of a story of so many days.
    pub(crate) fn milestones(days: u32) -> Self {
        Self {
            session: scaled(60, days),
            proposed: scaled(100, days),
            accepted: scaled(104, days),
            second_phone: scaled(226, days),
            last: days,
            worth_telling: (7 * days / DAYS).clamp(1, 7),
        }
    }
}

impl Network {
    /// Gaps of one to three weeks, and single days here and there.
    pub(crate) fn new(seed: u64, days: u32) -> Self {
        let mut dice = Dice::new(seed, "network");
        let mut network = Self {
            online: (1..=days).map(|_| !dice.chance(12)).collect(),
        };
        for (from, to) in GAPS {
            for day in scaled(from, days)..=scaled(to, days) {
                network.set(day, false);
            }
            // So that the gap is as long as it says.
            network.set(scaled(from - 1, days), true);
            network.set(scaled(to + 1, days), true);
        }
        let calendar = Calendar::milestones(days);
        let meetings = [1, calendar.session, calendar.second_phone, calendar.last];
        for day in meetings
            .into_iter()
            .chain(calendar.proposed..=calendar.accepted)
        {
            network.set(day, true);
        }
        network
    }

    /// Whether the phone is online on a day.
    pub(crate) fn is_online(&self, day: u32) -> bool {
        let index = day
            .checked_sub(1)
            .and_then(|index| usize::try_from(index).ok());
        index
            .and_then(|index| self.online.get(index))
            .copied()
            .unwrap_or(false)
    }

    /// For how many days before this one the phone was offline.
    pub(crate) fn offline_before(&self, day: u32) -> u32 {
        let gap = (1..day)
            .rev()
            .take_while(|before| !self.is_online(*before))
            .count();
        u32::try_from(gap).unwrap_or(u32::MAX)
    }

    fn set(&mut self, day: u32, online: bool) {
        let index = usize::try_from(day.saturating_sub(1)).unwrap_or(usize::MAX);
        if let Some(slot) = self.online.get_mut(index) {
            *slot = online;
        }
    }
}

fn scaled(day: u32, days: u32) -> u32 {
    (day * days).div_ceil(DAYS).clamp(1, days.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phone_comes_back_after_three_weeks_on_day_94() {
        for seed in 0..20 {
            let network = Network::new(seed, 238);
            assert!(network.is_online(94) && network.offline_before(94) == 21);
            assert!((100..=104).all(|day| network.is_online(day)));
            assert!(network.is_online(1) && network.is_online(238));
        }
        assert_ne!(Network::new(1, 238), Network::new(2, 238));
    }

    /// A short diary is to go through the same story.
    #[test]
    fn a_story_of_any_length_has_its_days_in_order() {
        for days in 1..300 {
            let calendar = Calendar::milestones(days);
            let order = [1, calendar.session, calendar.proposed, calendar.accepted];
            assert!(order.is_sorted() && calendar.accepted <= calendar.second_phone);
            assert!(calendar.second_phone <= days);
        }
    }
}
