//! What happens, day by day.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{
    CheckInId, Comparison, DayView, GoalId, LifecycleStatus, MeasureId, NewCheckIn, NewGoal,
    NewMeasure, NewRevision, NewSettings, NewStatus, Period, Rating, RevisionId, Schedule, Target,
    TextId, Verdict, Weekday,
};
use waymark_server::inspect;

use super::calendar::{Calendar, Network};
use super::cast::{Device, NEW_PHONE, PHONE, Synced, TABLET};
use super::clock::StoryClock;
use super::diary::{Diary, Report};
use super::error::DemoError;
use super::folder::Folder;
use super::proxy::{Passed, Wire};
use super::relay::RunningRelay;
use crate::args::Spoil;
use crate::page::{bytes, count, duration};

/// Directory of the relay.
pub(crate) const RELAY: &str = "relay";
/// Title of the note that both write into.
pub(crate) const NOTE_TITLE: &str = "Between sessions";
/// What the therapist writes into it, and what the client adds.
pub(crate) const NOTE: [&str; 2] =
    ["What helped when it was hardest to begin? ", "Sitting down before the kettle boils."];
/// From how many days without a network on coming back is told.
const WORTH_TELLING: u32 = 7;

/// The story as it is played.
pub(crate) struct Story<'d> {
    /// What the client lives through.
    pub(crate) diary: &'d Diary,
    /// When what happens.
    pub(crate) calendar: Calendar,
    /// When the phone is online.
    pub(crate) network: Network,
    /// Where everything is.
    pub(crate) folder: &'d Folder,
    /// What everything random follows from.
    pub(crate) seed: u64,
    /// The devices' clock.
    pub(crate) clock: Arc<StoryClock>,
    /// The wire to the relay.
    pub(crate) wire: Wire,
    /// The relay; none while it is stopped.
    pub(crate) relay: Option<RunningRelay>,
    /// The client's phone.
    pub(crate) phone: Device,
    /// The therapist's tablet.
    pub(crate) tablet: Device,
    /// The client's new phone, once it is there.
    pub(crate) new_phone: Option<Device>,
    /// The plan.
    pub(crate) plan: PlanId,
    /// The goal.
    pub(crate) goal: GoalId,
    /// The measures, in the order of the diary's scales.
    pub(crate) measures: Vec<MeasureId>,
    /// The revisions with what they ask for a day.
    pub(crate) revisions: Vec<(RevisionId, u16)>,
    /// The note that both write into, once it is there.
    pub(crate) note: Option<TextId>,
    /// What is told of it.
    pub(crate) told: Told,
    counted: MeasureId,
    spoil: Option<Spoil>,
}

/// What is told of the story, and what its verdicts need.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Dated lines.
    pub(crate) lines: Vec<(u32, String)>,
    /// The id of every check-in, in the order of the diary.
    pub(crate) logged: Vec<CheckInId>,
    /// How long each took to be durable.
    pub(crate) log_times: Vec<Duration>,
    /// Coming back after a long time offline.
    pub(crate) returns: Vec<Return>,
    /// What a check-in alone cost on the wire, each time that there was just one.
    pub(crate) lone: Vec<Passed>,
    /// What the phones' and the tablet's syncs took in all.
    pub(crate) passed: Passed,
    /// The first sync of the new phone.
    pub(crate) newcomer: Option<Synced>,
    /// The days before the change, as the phone judged them then.
    pub(crate) judged: Vec<DayView>,
    /// What the phone said of its tries without a network.
    pub(crate) unreachable: Vec<Unreachable>,
}

/// Coming back after a long time offline.
#[derive(Clone, Debug)]
pub(crate) struct Return {
    /// On which day.
    pub(crate) day: u32,
    /// After how many.
    pub(crate) offline: u32,
    /// What was sent: places in the diary.
    pub(crate) reports: Range<usize>,
    /// The lengths of the entries that it became.
    pub(crate) entries: Vec<usize>,
    /// What the sync took.
    pub(crate) synced: Synced,
}

/// A try to sync without a network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Unreachable {
    /// The error's code, or none where it went well.
    pub(crate) error: Option<&'static str>,
    /// The problem that the status names.
    pub(crate) status: Option<String>,
    /// Check-ins that were logged meanwhile, and how many changes wait.
    pub(crate) logged: usize,
    /// Changes that wait to be sent.
    pub(crate) waiting: u32,
}

impl<'d> Story<'d> {
    /// The first session: a plan, a goal, measures, and the therapist's tablet.
    ///
    /// # Errors
    /// What fails first.
    pub(crate) async fn begin(
        diary: &'d Diary,
        folder: &'d Folder,
        seed: u64,
        spoil: Option<Spoil>,
    ) -> Result<Self, DemoError> {
        let relay = RunningRelay::start(&folder.join(RELAY)).await?;
        let wire = Wire::to(relay.address()).await.map_err(DemoError::io("a port"))?;
        let clock = Arc::new(StoryClock::default());
        clock.set(diary.at(1, 6, 0));
        let open = |part| Device::open(part, seed, diary.zone.name(), folder, &wire, &clock);
        let (phone, tablet) = (open(PHONE)?, open(TABLET)?);
        phone.client.people().begin(PHONE.person, PHONE.name)?;
        let plan = phone.client.people().create_plan()?;
        let goals = phone.client.goals();
        let zone = Some(diary.zone.name().into());
        goals.set_settings(plan, &NewSettings { time_zone: zone, ..NewSettings::default() })?;
        let measure = |label: &str, min, max, unit: Option<&str>| {
            let (label, unit) = (label.to_owned(), unit.map(str::to_owned));
            let (low_label, high_label) = (None, None);
            let new = NewMeasure { measure: None, label, min, max, step: 1, unit, low_label, high_label };
            goals.define_measure(plan, &new)
        };
        let counted = measure(diary.aim.counted, 0, 1_440, Some(diary.aim.unit))?;
        let measures = diary.scales.iter().map(|s| measure(s.label, s.min, s.max, None));
        let measures = measures.collect::<Result<_, _>>()?;
        let new = NewGoal { area: Some(diary.aim.area.into()) };
        let first = revision(diary, counted, GoalId([0; 16]), diary.aim.first);
        let goal = goals.create(plan, &new, &first)?;
        let (to, achievement, reason) = (LifecycleStatus::Active, None, None);
        goals.set_status(plan, &NewStatus { goal, to, achievement, reason })?;
        let in_force = goals.get(plan, goal)?.in_force.ok_or(DemoError::Story("no goal"))?;
        let mut story = Self {
            diary,
            calendar: Calendar::milestones(diary.days),
            network: Network::new(seed, diary.days),
            folder,
            seed,
            clock,
            wire,
            relay: Some(relay),
            phone,
            tablet,
            new_phone: None,
            plan,
            goal,
            measures,
            revisions: vec![(in_force.id, diary.aim.first.1)],
            note: None,
            told: Told::default(),
            counted,
            spoil,
        };
        story.welcome_tablet().await?;
        Ok(story)
    }

    /// Plays a day.
    ///
    /// # Errors
    /// What fails first.
    pub(crate) async fn play(&mut self, day: u32) -> Result<(), DemoError> {
        let calendar = self.calendar;
        if day == calendar.accepted {
            self.clock.set(self.diary.at(day, 6, 30));
            self.accept(day).await?;
        }
        let online = self.network.is_online(day);
        if self.wants_to_try(day) {
            self.try_without_network(day).await?;
        } else {
            self.log_day(day)?;
        }
        if online {
            self.clock.set(self.diary.at(day, 22, 58));
            self.sync_phone(day).await?;
        }
        if day == calendar.session {
            self.write_together(day).await?;
        }
        if day == calendar.second_phone {
            self.welcome_new_phone(day).await?;
        }
        if let Some(new_phone) = &self.new_phone {
            let synced = new_phone.sync(&self.wire).await?;
            self.told.count(synced);
        }
        // On the last day the tablet comes later: there is something to be read then.
        if day < calendar.last {
            self.sync_tablet().await?;
        }
        if day == calendar.proposed {
            self.propose(day).await?;
        }
        Ok(())
    }

    /// Every device that there is, the phone first.
    pub(crate) fn devices(&self) -> Vec<&Device> {
        [Some(&self.phone), Some(&self.tablet), self.new_phone.as_ref()]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Brings all devices up to date: what each says is read by each.
    ///
    /// # Errors
    /// The first device's that fails.
    pub(crate) async fn settle(&mut self) -> Result<(), DemoError> {
        for _ in 0..2 {
            for device in self.devices() {
                device.sync(&self.wire).await?;
            }
        }
        Ok(())
    }

    async fn welcome_tablet(&mut self) -> Result<(), DemoError> {
        let card = self.tablet.client.people().card(TABLET.person, TABLET.name)?;
        self.phone.client.people().add_therapist(self.plan, &card)?;
        hand_over(&self.wire, &self.phone, &self.tablet, &card).await?;
        let line = format!(
            "the plan begins: “{}”; {} joins by its contact card",
            self.diary.aim.first.0, TABLET.name
        );
        self.told.lines.push((1, line));
        Ok(())
    }

    async fn welcome_new_phone(&mut self, day: u32) -> Result<(), DemoError> {
        let zone = self.diary.zone.name();
        let new =
            Device::open(NEW_PHONE, self.seed, zone, self.folder, &self.wire, &self.clock)?;
        let card = new.client.people().card(NEW_PHONE.person, NEW_PHONE.name)?;
        self.phone.client.people().add_own_device(&card)?;
        let synced = hand_over(&self.wire, &self.phone, &new, &card).await?;
        let line = format!(
            "{} joins and reads {} from the start: {}, {}",
            NEW_PHONE.name,
            count(self.told.logged.len(), "check-in"),
            bytes(synced.passed.both()),
            duration(synced.took)
        );
        self.told.lines.push((day, line));
        self.told.newcomer = Some(synced);
        self.new_phone = Some(new);
        Ok(())
    }

    fn log_day(&mut self, day: u32) -> Result<usize, DemoError> {
        let diary = self.diary;
        let mut logged = 0;
        for (index, report) in diary.on(day) {
            let dropped = self.spoil == Some(Spoil::Missing) && index == 0;
            let twice = self.spoil == Some(Spoil::Doubled) && index == 0;
            self.clock.set(report.at);
            let check_in = self.check_in(report);
            // Once there are two phones, both are used; on the last day the old one alone.
            let phone = match &self.new_phone {
                Some(new_phone) if index % 2 == 1 && day < self.calendar.last => new_phone,
                _ => &self.phone,
            };
            let started = Instant::now();
            if !dropped {
                let id = phone.client.check_ins().log(self.plan, &check_in)?;
                self.told.log_times.push(started.elapsed());
                self.told.logged.push(id);
                logged += 1;
            }
            if twice {
                let later = report.at + chrono::TimeDelta::milliseconds(1);
                phone.client.check_ins().log_at(self.plan, &check_in, Some(later))?;
            }
        }
        Ok(logged)
    }

    fn check_in(&self, report: &Report) -> NewCheckIn {
        let rated = report.ratings.iter().filter_map(|(scale, value)| {
            let measure = *self.measures.get(*scale)?;
            Some(Rating { measure, value: *value })
        });
        NewCheckIn {
            quantity: report.quantity.map(f64::from),
            unit: report.quantity.map(|_| self.diary.aim.unit.into()),
            ratings: rated.collect(),
            note: report.note.clone(),
            revision_seen: self.revisions.last().map(|(revision, _)| *revision),
            ..NewCheckIn::new(self.goal, report.outcome)
        }
    }

    async fn sync_phone(&mut self, day: u32) -> Result<(), DemoError> {
        let waiting = self.waiting()?;
        let offline = self.network.offline_before(day);
        let tell = offline >= WORTH_TELLING;
        let before = if tell { self.stored_batches()?.len() } else { 0 };
        let synced = self.phone.sync(&self.wire).await?;
        self.told.count(synced);
        let sent = self.told.logged.len();
        let waited = usize::try_from(waiting).unwrap_or(usize::MAX).min(sent);
        if waited == 1 && self.new_phone.is_none() {
            self.told.lone.push(synced.passed);
        }
        if tell {
            let entries = self.stored_batches()?.split_off(before);
            let reports = sent - waited..sent;
            let back = Return { day, offline, reports, entries, synced };
            self.told.lines.push((day, back.to_string()));
            // While two phones write, places in the diary say nothing about who sent what.
            if self.new_phone.is_none() {
                self.told.returns.push(back);
            }
        }
        Ok(())
    }

    async fn sync_tablet(&mut self) -> Result<(), DemoError> {
        let synced = self.tablet.sync(&self.wire).await?;
        self.told.count(synced);
        Ok(())
    }

    /// Whether the phone tries to sync on this day although there is no network: on the first day
    /// of each long gap, and on the last day where it never had to.
    fn wants_to_try(&self, day: u32) -> bool {
        let starts = !self.network.is_online(day)
            && self.network.offline_before(day) == 0
            && (day + 1..day + WORTH_TELLING).all(|later| !self.network.is_online(later));
        starts || (day == self.calendar.last && self.told.unreachable.is_empty())
    }

    async fn try_without_network(&mut self, day: u32) -> Result<(), DemoError> {
        self.wire.cut();
        let tried = self.phone.sync(&self.wire).await;
        let logged = self.log_day(day)?;
        let problem = self.phone.client.status()?.into_iter().find_map(|space| space.problem);
        let waiting = self.waiting()?;
        if let Some(relay) = &self.relay {
            self.wire.lead_to(relay.address());
        }
        let line = format!(
            "{} cannot reach the relay (status `{}`); {} logged all the same",
            PHONE.name,
            problem.as_deref().unwrap_or("fine"),
            count(logged, "check-in")
        );
        self.told.lines.push((day, line));
        let error = tried.err().map(|error| error.code());
        self.told.unreachable.push(Unreachable { error, status: problem, logged, waiting });
        Ok(())
    }

    /// Changes of the plan that the phone has not sent.
    fn waiting(&self) -> Result<u32, WaymarkError> {
        let spaces = self.phone.client.status()?;
        Ok(spaces.iter().filter(|space| space.plan.is_some()).map(|space| space.unsent).sum())
    }

    /// The lengths of the plan's batches at the relay.
    fn stored_batches(&self) -> Result<Vec<usize>, DemoError> {
        let stored = inspect::entries(&self.folder.join(RELAY))?;
        let batches = stored.iter().filter(|entry| {
            entry.space.0 == self.plan.0 && entry.bytes.get(1) == Some(&super::operator::BATCH)
        });
        Ok(batches.map(|entry| entry.bytes.len()).collect())
    }

    async fn propose(&mut self, day: u32) -> Result<(), DemoError> {
        let (replaced, _) = self.revisions[0];
        let later = self.diary.aim.later;
        let proposal = NewRevision {
            replaces: vec![replaced],
            rationale: Some(self.diary.aim.rationale.into()),
            ..revision(self.diary, self.counted, self.goal, later)
        };
        let proposed = self.tablet.client.goals().propose(self.plan, &proposal)?;
        self.revisions.push((proposed, later.1));
        self.sync_tablet().await?;
        let (from, units) = (self.diary.aim.first.1, self.diary.aim.units);
        let line = format!("{} proposes {from} → {} {units} a day", TABLET.name, later.1);
        self.told.lines.push((day, line));
        Ok(())
    }

    async fn accept(&mut self, day: u32) -> Result<(), DemoError> {
        if self.calendar.proposed == day {
            // In a very short story both happen on one day.
            self.propose(day).await?;
        }
        let synced = self.phone.sync(&self.wire).await?;
        self.told.count(synced);
        if day > 1 {
            let (first, before) = (self.diary.date(1), self.diary.date(day - 1));
            let check_ins = self.phone.client.check_ins();
            self.told.judged = check_ins.days(self.plan, self.goal, first, before)?;
        }
        let (revision, _) = self.revisions.last().copied().unwrap_or(self.revisions[0]);
        self.phone.client.goals().decide(self.plan, revision, Verdict::Agree)?;
        let synced = self.phone.sync(&self.wire).await?;
        self.told.count(synced);
        self.sync_tablet().await?;
        let (first, later) = (self.diary.aim.first.1, self.diary.aim.later.1);
        let stay = match day {
            1 => String::new(),
            _ => format!(", days 1–{} stay as judged", day - 1),
        };
        let line = format!("{first} → {later} {} in force{stay}", self.diary.aim.units);
        self.told.lines.push((day, line));
        Ok(())
    }

    /// Both write into one note at the same time.
    async fn write_together(&mut self, day: u32) -> Result<(), DemoError> {
        let (phone, tablet) = (&self.phone.client, &self.tablet.client);
        let note = tablet.texts().create(self.plan, None, Some(NOTE_TITLE))?;
        tablet.texts().splice(self.plan, note.text, 0, 0, NOTE[0])?;
        self.tablet.sync(&self.wire).await?;
        self.phone.sync(&self.wire).await?;
        let end = u32::try_from(NOTE[0].chars().count()).unwrap_or_default();
        phone.texts().splice(self.plan, note.text, end, 0, NOTE[1])?;
        tablet.texts().splice(self.plan, note.text, 0, 0, "* ")?;
        self.phone.sync(&self.wire).await?;
        self.tablet.sync(&self.wire).await?;
        self.note = Some(note.text);
        let line = format!("both write into the note “{NOTE_TITLE}” at once; it is merged");
        self.told.lines.push((day, line));
        Ok(())
    }
}

impl Told {
    fn count(&mut self, synced: Synced) {
        self.passed.up += synced.passed.up;
        self.passed.down += synced.passed.down;
    }
}

impl std::fmt::Display for Return {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = self.entries.iter().sum::<usize>();
        let batches = match self.entries.len() {
            1 => "one batch".to_owned(),
            number => count(number, "batch").replace("batchs", "batches"),
        };
        write!(
            f,
            "online after {} days, {} in {batches}, {}, {}",
            self.offline,
            count(self.reports.len(), "check-in"),
            bytes(u64::try_from(length).unwrap_or(u64::MAX)),
            duration(self.synced.took)
        )
    }
}

/// Adds a device by its card and lets it read what is there.
async fn hand_over(
    wire: &Wire,
    phone: &Device,
    new: &Device,
    card: &[u8],
) -> Result<Synced, DemoError> {
    phone.sync(wire).await?;
    let welcome = phone.client.people().welcome(card)?;
    let welcome = welcome.ok_or(DemoError::Story("the new device is not in the log"))?;
    new.client.people().accept(&welcome)?;
    Ok(new.sync(wire).await?)
}

fn revision(
    diary: &Diary,
    counted: MeasureId,
    goal: GoalId,
    (statement, value): (&str, u16),
) -> NewRevision {
    NewRevision {
        goal,
        replaces: Vec::new(),
        statement: statement.into(),
        target: Some(Target {
            measure: Some(counted),
            comparison: Comparison::AtLeast,
            value: Some(f64::from(value)),
            unit: Some(diary.aim.unit.into()),
            period: Period::Day,
            due: None,
        }),
        schedule: Some(Schedule { planned_rest: vec![Weekday::Sunday], ..Schedule::daily() }),
        effective_from: None,
        rationale: None,
    }
}
