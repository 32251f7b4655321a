//! What happens, day by day: [`scenes`] is what people do together, [`told`] what is told of it.

mod scenes;
mod told;

use std::sync::Arc;
use std::time::Instant;

use waymark_core::client::{PlanId, WaymarkError};
use waymark_core::model::{
    GoalId, LifecycleStatus, MeasureId, NewCheckIn, NewGoal, NewMeasure, NewSettings, NewStatus,
    Rating, RevisionId, TextId,
};
use waymark_server::inspect;

use self::scenes::revision;
pub(crate) use self::scenes::{NOTE, NOTE_TITLE};
pub(crate) use self::told::{Return, Told, Unreachable};
use super::calendar::{Calendar, Network};
use super::cast::{Device, PHONE, TABLET};
use super::clock::StoryClock;
use super::diary::{Diary, Report};
use super::error::DemoError;
use super::folder::Folder;
use super::proxy::Wire;
use super::relay::RunningRelay;
use crate::args::Spoil;
use crate::page::count;

/// Directory of the relay.
pub(crate) const RELAY: &str = "relay";

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
        let wire = Wire::to(relay.address())
            .await
            .map_err(DemoError::io("a port"))?;
        let clock = Arc::new(StoryClock::default());
        clock.set(diary.at(1, 6, 0));
        let open = |part| Device::open(part, seed, diary.zone.name(), folder, &wire, &clock);
        let (phone, tablet) = (open(PHONE)?, open(TABLET)?);
        phone.client.people().begin(PHONE.person, PHONE.name)?;
        let plan = phone.client.people().create_plan()?;
        let goals = phone.client.goals();
        let zone = Some(diary.zone.name().into());
        goals.set_settings(
            plan,
            &NewSettings {
                time_zone: zone,
                ..NewSettings::default()
            },
        )?;
        let measure = |label: &str, min, max, unit: Option<&str>| {
            let (label, unit) = (label.to_owned(), unit.map(str::to_owned));
            let (low_label, high_label) = (None, None);
            let new = NewMeasure {
                measure: None,
                label,
                min,
                max,
                step: 1,
                unit,
                low_label,
                high_label,
            };
            goals.define_measure(plan, &new)
        };
        let counted = measure(diary.aim.counted, 0, 1_440, Some(diary.aim.unit))?;
        let measures = diary
            .scales
            .iter()
            .map(|s| measure(s.label, s.min, s.max, None));
        let measures = measures.collect::<Result<_, _>>()?;
        let new = NewGoal {
            area: Some(diary.aim.area.into()),
        };
        let first = revision(diary, counted, GoalId([0; 16]), diary.aim.first);
        let goal = goals.create(plan, &new, &first)?;
        let (to, achievement, reason) = (LifecycleStatus::Active, None, None);
        goals.set_status(
            plan,
            &NewStatus {
                goal,
                to,
                achievement,
                reason,
            },
        )?;
        let in_force = goals
            .get(plan, goal)?
            .in_force
            .ok_or(DemoError::Story("no goal"))?;
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
            self.clock.set(self.diary.at(day, 23, 30));
            self.sync_phone(day).await?;
        }
        // Not on the last day of a very short story: the tablet is to have something unread then.
        if day == calendar.session && day < calendar.last {
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
        // In a very short story both happen on one day, and it was proposed already.
        if day == calendar.proposed && day < calendar.accepted {
            self.propose(day).await?;
        }
        Ok(())
    }

    /// Every device that there is, the phone first.
    pub(crate) fn devices(&self) -> Vec<&Device> {
        [
            Some(&self.phone),
            Some(&self.tablet),
            self.new_phone.as_ref(),
        ]
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
                phone
                    .client
                    .check_ins()
                    .log_at(self.plan, &check_in, Some(later))?;
            }
        }
        Ok(logged)
    }

    fn check_in(&self, report: &Report) -> NewCheckIn {
        let rated = report.ratings.iter().filter_map(|(scale, value)| {
            let measure = *self.measures.get(*scale)?;
            Some(Rating {
                measure,
                value: *value,
            })
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
        let tell = offline >= self.calendar.worth_telling;
        let before = if tell { self.batches()?.len() } else { 0 };
        let synced = self.phone.sync(&self.wire).await?;
        self.told.count(synced);
        let sent = self.told.logged.len();
        let waited = usize::try_from(waiting).unwrap_or(usize::MAX).min(sent);
        if waited == 1 && self.new_phone.is_none() {
            self.told.lone.push(synced.passed);
        }
        if tell {
            let entries = self.batches()?.split_off(before);
            let reports = sent - waited..sent;
            let back = Return {
                day,
                offline,
                reports,
                entries,
                synced,
            };
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

    /// Whether the phone tries to sync on this day although there is no network: once in each long
    /// gap, on a day with something to log, and on the last day where it never had to.
    fn wants_to_try(&self, day: u32) -> bool {
        let last_try = self.told.unreachable.last().map_or(0, |tried| tried.day);
        if day == self.calendar.last {
            return last_try == 0;
        }
        let start = day - self.network.offline_before(day);
        let mut gap = start..start + self.calendar.worth_telling;
        !self.network.is_online(day)
            && last_try < start
            && gap.all(|day| !self.network.is_online(day))
            && self.diary.on(day).next().is_some()
    }

    async fn try_without_network(&mut self, day: u32) -> Result<(), DemoError> {
        self.wire.cut().await;
        let tried = self.phone.sync(&self.wire).await;
        let logged = self.log_day(day)?;
        let problem = self
            .phone
            .client
            .status()?
            .into_iter()
            .find_map(|space| space.problem);
        let waiting = self.waiting()?;
        if let Some(relay) = &self.relay {
            self.wire.lead_to(relay.address()).await;
        }
        let line = format!(
            "{} cannot reach the relay (status `{}`); {} logged all the same",
            PHONE.name,
            problem.as_deref().unwrap_or("fine"),
            count(logged, "check-in")
        );
        self.told.lines.push((day, line));
        let error = tried.err().map(|error| error.code());
        self.told.unreachable.push(Unreachable {
            day,
            error,
            status: problem,
            logged,
            waiting,
        });
        Ok(())
    }

    /// Changes of the plan that the phone has not sent.
    fn waiting(&self) -> Result<u32, WaymarkError> {
        let spaces = self.phone.client.status()?;
        Ok(spaces
            .iter()
            .filter(|space| space.plan.is_some())
            .map(|space| space.unsent)
            .sum())
    }

    /// The lengths of the plan's batches at the relay, in the order of its log.
    ///
    /// # Errors
    /// Where its database cannot be read.
    pub(crate) fn batches(&self) -> Result<Vec<usize>, DemoError> {
        let stored = inspect::entries(&self.folder.join(RELAY))?;
        let batches = stored.iter().filter(|entry| {
            entry.space.0 == self.plan.0 && entry.bytes.get(1) == Some(&super::operator::BATCH)
        });
        Ok(batches.map(|entry| entry.bytes.len()).collect())
    }
}
