//! Progress once more, slowly and by the words of our domain model (§5.2, §5.5, §5.8) alone: every
//! figure is counted anew from a list of what people agreed and said.

use chrono::{Datelike, Days, NaiveDate};

use crate::model::{
    Comparison, LifecycleStatus, Outcome, Period, ProgressMessage, ProgressUnit, RecordId,
    Schedule, SchedulePattern, Weekday,
};

/// What people agreed, from a date on.
#[derive(Clone, Debug)]
pub(super) struct Agreed {
    pub(super) from: NaiveDate,
    pub(super) schedule: Option<Schedule>,
    pub(super) target: Option<(Comparison, u32, Period)>,
}

/// A check-in, and which one it corrects.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    pub(super) id: RecordId,
    pub(super) corrects: Option<RecordId>,
    pub(super) date: NaiveDate,
    pub(super) outcome: Outcome,
    pub(super) quantity: Option<u32>,
}

/// A status that somebody gave the goal, each in the place of the one before.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) on: NaiveDate,
    pub(super) status: LifecycleStatus,
}

/// All that is known of a goal on a day.
pub(super) struct Story<'s> {
    given: &'s [Given],
    agreed: &'s [Agreed],
    /// What counts of the check-ins: of each with its corrections one.
    counted: Vec<&'s Logged>,
    today: NaiveDate,
}

#[derive(Debug, PartialEq)]
pub(super) struct Figures {
    pub(super) unit: ProgressUnit,
    pub(super) streak: u32,
    pub(super) best: u32,
    pub(super) slips: Vec<NaiveDate>,
    pub(super) done: u32,
    pub(super) expected: u32,
    pub(super) strength: f64,
    pub(super) total: u32,
    pub(super) message: ProgressMessage,
}

/// A day, week or month with what became of it; what was neither done nor expected is none.
#[derive(Clone, Copy, Debug)]
struct Unit {
    date: NaiveDate,
    is_done: bool,
    is_missed: bool,
    is_expected: bool,
    /// v of the strength; none where it stays.
    value: Option<f64>,
    /// f of the strength.
    a_day: f64,
    done: u32,
    wanted: u32,
}

impl<'s> Story<'s> {
    pub(super) fn of(
        agreed: &'s [Agreed],
        given: &'s [Given],
        logged: &'s [Logged],
        today: NaiveDate,
    ) -> Self {
        let root = |mut id: RecordId| loop {
            let entry = logged.iter().find(|entry| entry.id == id).unwrap();
            match entry.corrects {
                Some(old) => id = old,
                None => return id,
            }
        };
        let is_corrected = |id| logged.iter().any(|other| other.corrects == Some(id));
        let heads: Vec<&Logged> = logged
            .iter()
            .filter(|entry| !is_corrected(entry.id))
            .collect();
        // Of several corrections the larger quantity counts, then the lower id.
        let counts = |entry: &&Logged| {
            let rivals = heads
                .iter()
                .filter(|other| root(other.id) == root(entry.id));
            let mut rivals = rivals.filter(|other| other.id != entry.id);
            rivals.all(|other| {
                other.quantity < entry.quantity
                    || (other.quantity == entry.quantity && entry.id < other.id)
            })
        };
        let counted = heads.iter().copied().filter(counts).collect();
        Self {
            given,
            agreed,
            counted,
            today,
        }
    }

    pub(super) fn figures(&self, grace: u32) -> Figures {
        let unit = self.unit();
        let units = self.units(unit);
        let (streak, slips, border) = walk_back(&units, grace);
        let best = (0..=units.len()).map(|n| walk_back(&units[..n], grace).0);
        let recent: Vec<_> = units.iter().filter(|u| self.is_recent(unit, u)).collect();
        let mut strength = 0.0;
        for unit in units.iter().filter(|unit| unit.is_expected) {
            if let Some(value) = unit.value {
                let m = 0.5_f64.powf(unit.a_day.sqrt() / 13.0);
                strength = strength * m + value * (1.0 - m);
            }
        }
        Figures {
            unit,
            streak,
            best: best.max().unwrap(),
            slips,
            done: recent.iter().map(|unit| unit.done).sum(),
            expected: recent.iter().map(|unit| unit.wanted).sum(),
            strength,
            total: count(units.iter().filter(|unit| unit.is_done)),
            message: self.message(unit, &units, border),
        }
    }

    /// A goal that is on hold or over, or in a time off, rests. What was done is begun; what was done after the miss that ended the streak goes on.
    fn message(
        &self,
        kind: ProgressUnit,
        units: &[Unit],
        border: Option<NaiveDate>,
    ) -> ProgressMessage {
        let first = self.begun().unwrap_or(self.today);
        let days = first.iter_days().take_while(|date| *date <= self.today);
        let is_done = |date: &NaiveDate| {
            let agreed = self.on(*date);
            agreed.is_some_and(|agreed| agreed.is_between_start_and_end(*date))
                && self.outcome(*date) == Some(Outcome::Done)
        };
        let units = units.iter().filter(|unit| unit.is_done);
        let done: Vec<_> = days
            .filter(is_done)
            .chain(units.map(|unit| unit.date))
            .collect();
        let border = border.map(|date| end(kind, date));
        let agreed = self.on(self.today);
        let is_aside = |schedule: &Schedule| {
            let mut pauses = schedule.pauses.iter();
            pauses.any(|p| p.from <= self.today && self.today <= p.to)
                || schedule.end.is_some_and(|end| end < self.today)
        };
        let rests = |agreed: &Agreed| {
            !self.ran(self.today) || agreed.schedule.as_ref().is_some_and(is_aside)
        };
        if agreed.is_some_and(rests) {
            ProgressMessage::Resting
        } else if done.is_empty() {
            ProgressMessage::NotBegun
        } else if done
            .iter()
            .any(|date| border.is_none_or(|border| border < *date))
        {
            ProgressMessage::KeepGoing
        } else {
            ProgressMessage::Restart
        }
    }

    /// Whether the goal was neither on hold nor over: as the last says that was given up to a date.
    fn ran(&self, date: NaiveDate) -> bool {
        let given = self.given.iter().rfind(|given| given.on <= date);
        let status = given.map_or(LifecycleStatus::Proposed, |given| given.status);
        [
            LifecycleStatus::Proposed,
            LifecycleStatus::Planned,
            LifecycleStatus::Accepted,
            LifecycleStatus::Active,
        ]
        .contains(&status)
    }

    fn on(&self, date: NaiveDate) -> Option<&Agreed> {
        self.agreed
            .iter()
            .filter(|agreed| agreed.from <= date)
            .max_by_key(|agreed| agreed.from)
    }

    fn begun(&self) -> Option<NaiveDate> {
        let first = self.agreed.iter().map(|agreed| agreed.from).min();
        first.filter(|first| *first <= self.today)
    }

    /// The period of a target is the unit; for "n a week" it is the week.
    fn unit(&self) -> ProgressUnit {
        let agreed = self.on(self.today);
        let pattern = agreed.and_then(|a| a.schedule.as_ref()).map(|s| &s.pattern);
        match agreed.and_then(|agreed| agreed.target) {
            Some((_, _, Period::Week)) => ProgressUnit::Week,
            Some((_, _, Period::Month)) => ProgressUnit::Month,
            _ if matches!(pattern, Some(SchedulePattern::TimesAWeek { .. })) => ProgressUnit::Week,
            _ => ProgressUnit::Day,
        }
    }

    fn units(&self, unit: ProgressUnit) -> Vec<Unit> {
        let Some(first) = self.begun() else {
            return Vec::new();
        };
        let days: Vec<NaiveDate> = first.iter_days().take_while(|d| *d <= self.today).collect();
        if unit == ProgressUnit::Day {
            return days.iter().filter_map(|date| self.day(*date)).collect();
        }
        let mut begins: Vec<NaiveDate> = days.iter().map(|date| begin(unit, *date)).collect();
        begins.dedup();
        begins
            .into_iter()
            .filter_map(|begin| self.long(unit, begin, first))
            .collect()
    }

    fn day(&self, date: NaiveDate) -> Option<Unit> {
        let agreed = self.on(date)?;
        if !agreed.is_between_start_and_end(date) {
            return None;
        }
        let outcome = self.outcome(date);
        let of_a_day = agreed.target.filter(|target| target.2 == Period::Day);
        // Where a week or a month is the unit, no day is one.
        let asks_days = agreed.target.is_none() || of_a_day.is_some();
        let is_expected = asks_days && self.ran(date) && agreed.means(date) == Means::Expected;
        let is_done = outcome == Some(Outcome::Done);
        let is_off = matches!(outcome, Some(Outcome::Rest | Outcome::Excused));
        if !is_done && (!is_expected || is_off || date == self.today) {
            return None;
        }
        let is_partial = outcome == Some(Outcome::Partial);
        let sum = self.sum(&[date]);
        let value = match (is_done, is_partial, of_a_day, sum) {
            (true, ..) => Some(1.0),
            (_, false, ..) => Some(0.0),
            (_, true, Some((Comparison::AtLeast, target, _)), Some(sum)) if sum > 0 => {
                Some((f64::from(sum) / f64::from(target)).min(1.0))
            }
            _ => None,
        };
        Some(Unit {
            date,
            is_done,
            is_missed: !is_done && !is_partial,
            is_expected,
            value,
            a_day: agreed.schedule.as_ref().map_or(1.0, a_day),
            done: is_done.into(),
            wanted: 1,
        })
    }

    /// A week or a month.
    fn long(&self, unit: ProgressUnit, begin: NaiveDate, first: NaiveDate) -> Option<Unit> {
        let end = end(unit, begin);
        let is_over = end < self.today;
        let agreed = self.on(end.min(self.today))?;
        let all = || begin.iter_days().take_while(move |date| *date <= end);
        let mine = all().filter(|date| *date >= first);
        let passed: Vec<_> = mine.clone().filter(|date| *date <= self.today).collect();
        let counts = |date: &NaiveDate| agreed.is_between_start_and_end(*date);
        let counting: Vec<_> = passed.iter().copied().filter(counts).collect();
        let is_left = |date: &NaiveDate| {
            let said = self.outcome(*date).filter(|_| *date <= self.today);
            let off = matches!(said, Some(Outcome::Rest | Outcome::Excused));
            let free = agreed.schedule.is_none()
                || matches!(agreed.means(*date), Means::Expected | Means::AnyDay);
            free && !off && self.ran(*date)
        };
        let left = count(mine.filter(is_left));
        let own = matches!(
            (agreed.target, unit),
            (Some((_, _, Period::Week)), ProgressUnit::Week)
                | (Some((_, _, Period::Month)), ProgressUnit::Month)
        );
        let a_day = match unit {
            ProgressUnit::Month => 12.0 / 365.25,
            _ => 1.0 / 7.0,
        };
        if own {
            let (comparison, target, _) = agreed.target?;
            let outcome = self.judged(&counting, agreed.target);
            let is_done =
                outcome == Some(Outcome::Done) && (is_over || comparison == Comparison::AtLeast);
            let is_off = matches!(outcome, Some(Outcome::Rest | Outcome::Excused));
            if !is_done && (!is_over || is_off || left == 0) {
                return None;
            }
            let is_partial = outcome == Some(Outcome::Partial);
            let value = match (is_done, is_partial, comparison, self.sum(&counting)) {
                (true, ..) => Some(1.0),
                (_, false, ..) => Some(0.0),
                (_, true, Comparison::AtLeast, Some(sum)) if sum > 0 => {
                    Some((f64::from(sum) / f64::from(target)).min(1.0))
                }
                _ => None,
            };
            return Some(Unit {
                date: begin,
                is_done,
                is_missed: !is_done && !is_partial,
                is_expected: left > 0,
                value,
                a_day,
                done: is_done.into(),
                wanted: 1,
            });
        }
        let done = count(
            counting
                .iter()
                .filter(|d| self.outcome(**d) == Some(Outcome::Done)),
        );
        let of_days = agreed.target.is_none_or(|target| target.2 == Period::Day);
        let pattern = agreed.schedule.as_ref().map(|schedule| &schedule.pattern);
        let n = match (pattern, unit) {
            (Some(SchedulePattern::TimesAWeek { times }), ProgressUnit::Week) => (*times).into(),
            (Some(SchedulePattern::TimesAWeek { .. }) | None, _) => 0,
            (Some(_), _) if of_days => left,
            (Some(_), _) => 0,
        };
        // Where nothing says how many, one is something done.
        let is_expected = n > 0 && left >= n;
        let n = n.max(1);
        if done < n && !(is_over && is_expected) {
            return None;
        }
        Some(Unit {
            date: begin,
            is_done: done >= n,
            is_missed: done < n,
            is_expected,
            value: Some(f64::from(done.min(n)) / f64::from(n)),
            a_day,
            done: done.min(n),
            wanted: n,
        })
    }

    /// The last 28 days, or four full weeks or months.
    fn is_recent(&self, kind: ProgressUnit, unit: &Unit) -> bool {
        if !unit.is_expected {
            return false;
        }
        if kind == ProgressUnit::Day {
            return (self.today - unit.date).num_days() <= 27;
        }
        let mut full = Vec::new();
        let mut date = begin(kind, self.today);
        while full.len() < 4 {
            date = begin(kind, date.pred_opt().unwrap());
            full.push(date);
        }
        full.contains(&unit.date) && self.begun().is_some_and(|first| first <= unit.date)
    }

    fn counted(&self, date: NaiveDate) -> Vec<&Logged> {
        let counted = self.counted.iter().copied();
        counted.filter(|logged| logged.date == date).collect()
    }

    fn outcome(&self, date: NaiveDate) -> Option<Outcome> {
        let target = self.on(date).and_then(|agreed| agreed.target);
        self.judged(&[date], target.filter(|target| target.2 == Period::Day))
    }

    fn sum(&self, dates: &[NaiveDate]) -> Option<u32> {
        let entries = dates.iter().flat_map(|date| self.counted(*date));
        let quantities: Vec<u32> = entries.filter_map(|entry| entry.quantity).collect();
        (!quantities.is_empty()).then(|| quantities.iter().sum())
    }

    fn judged(
        &self,
        dates: &[NaiveDate],
        target: Option<(Comparison, u32, Period)>,
    ) -> Option<Outcome> {
        let entries: Vec<_> = dates.iter().flat_map(|date| self.counted(*date)).collect();
        let mut outcomes: Vec<Outcome> = entries.iter().map(|entry| entry.outcome).collect();
        if let Some((comparison, value, _)) = target {
            let bare = |entry: &&&Logged| entry.quantity.is_none();
            if entries
                .iter()
                .filter(bare)
                .any(|entry| entry.outcome == Outcome::Done)
            {
                return Some(Outcome::Done);
            }
            match (comparison, self.sum(dates)) {
                (Comparison::AtLeast, Some(sum)) if sum >= value => return Some(Outcome::Done),
                (Comparison::AtLeast, Some(sum)) if sum > 0 => return Some(Outcome::Partial),
                (Comparison::AtMost, Some(sum)) if sum <= value => return Some(Outcome::Done),
                _ => {}
            }
            // The quantity has said how much was done; a reason counts beside it.
            outcomes = entries
                .iter()
                .filter(|e| {
                    e.quantity.is_none() || [Outcome::Excused, Outcome::Rest].contains(&e.outcome)
                })
                .map(|entry| entry.outcome)
                .collect();
        }
        let order = [
            Outcome::Done,
            Outcome::Partial,
            Outcome::Excused,
            Outcome::Rest,
            Outcome::NoteOnly,
        ];
        order.into_iter().find(|outcome| outcomes.contains(outcome))
    }
}

/// What a schedule means for a day.
#[derive(Debug, Eq, PartialEq)]
enum Means {
    AnyDay,
    Expected,
    Nothing,
}

impl Agreed {
    fn is_between_start_and_end(&self, date: NaiveDate) -> bool {
        let Some(schedule) = &self.schedule else {
            return true;
        };
        schedule.start.is_none_or(|start| start <= date)
            && schedule.end.is_none_or(|end| date <= end)
    }

    fn means(&self, date: NaiveDate) -> Means {
        let Some(schedule) = &self.schedule else {
            return Means::Nothing;
        };
        let weekday = Weekday::ALL[date.weekday().num_days_from_monday() as usize];
        let is_paused = schedule
            .pauses
            .iter()
            .any(|p| p.from <= date && date <= p.to);
        let is_rest =
            schedule.planned_rest.contains(&weekday) || schedule.rest_dates.contains(&date);
        if !self.is_between_start_and_end(date) || is_paused || is_rest {
            return Means::Nothing;
        }
        let meant = match &schedule.pattern {
            SchedulePattern::Daily => true,
            SchedulePattern::EveryDays { days } => {
                let since = (date - schedule.start.unwrap()).num_days();
                since % i64::from(*days) == 0
            }
            SchedulePattern::TimesAWeek { .. } => return Means::AnyDay,
            SchedulePattern::Weekdays { days } => days.contains(&weekday),
        };
        if meant {
            Means::Expected
        } else {
            Means::Nothing
        }
    }
}

/// Expected days a day.
fn a_day(schedule: &Schedule) -> f64 {
    match &schedule.pattern {
        SchedulePattern::Daily => 1.0,
        SchedulePattern::EveryDays { days } => 1.0 / f64::from(*days),
        SchedulePattern::TimesAWeek { .. } => 1.0 / 7.0,
        SchedulePattern::Weekdays { days } => f64::from(count(days.iter())) / 7.0,
    }
}

/// The streak and the slips, walking back, and the miss that was one too many.
fn walk_back(units: &[Unit], grace: u32) -> (u32, Vec<NaiveDate>, Option<NaiveDate>) {
    let expected: Vec<&Unit> = units.iter().filter(|unit| unit.is_expected).collect();
    let (mut streak, mut missed, mut slips, mut border) = (0, Vec::new(), Vec::new(), None);
    for unit in units.iter().rev() {
        if unit.is_missed {
            let place = expected
                .iter()
                .position(|other| other.date == unit.date)
                .unwrap();
            missed.push(place);
            let among = |from: usize| missed.iter().filter(move |m| (from..from + 7).contains(*m));
            let mut sevens = place.saturating_sub(6)..=place;
            if sevens.any(|from| count(among(from)) > grace) {
                border = Some(unit.date);
                break;
            }
            slips.push(unit.date);
        }
        streak += u32::from(unit.is_done);
    }
    // Misses older than the first done day are no slips.
    let walked = units
        .iter()
        .rev()
        .filter(|unit| unit.is_done)
        .take(streak as usize);
    let first = walked.map(|unit| unit.date).last();
    slips.retain(|date| first.is_some_and(|first| first < *date));
    slips.reverse();
    (streak, slips, border)
}

fn begin(unit: ProgressUnit, date: NaiveDate) -> NaiveDate {
    match unit {
        ProgressUnit::Day => date,
        ProgressUnit::Month => date.with_day(1).unwrap(),
        ProgressUnit::Week => date - Days::new(date.weekday().num_days_from_monday().into()),
    }
}

fn end(unit: ProgressUnit, date: NaiveDate) -> NaiveDate {
    let same = |next: &NaiveDate| begin(unit, *next) == date;
    date.iter_days().take_while(same).last().unwrap()
}

fn count(of: impl Iterator) -> u32 {
    u32::try_from(of.count()).unwrap()
}
