//! What people do together: joining, proposing, agreeing, writing one note.

use waymark_core::model::{
    Comparison, GoalId, MeasureId, NewRevision, Period, Schedule, Target, Verdict, Weekday,
};

use super::Story;
use crate::demo::cast::{Device, NEW_PHONE, Synced, TABLET};
use crate::demo::diary::Diary;
use crate::demo::error::DemoError;
use crate::demo::proxy::Wire;
use crate::page::{bytes, count, duration};

/// Title of the note that both write into.
pub(crate) const NOTE_TITLE: &str = "Between sessions";
/// What the therapist writes into it, and what the client adds.
pub(crate) const NOTE: [&str; 2] = [
    "What helped when it was hardest to begin? ",
    "Sitting down before the kettle boils.",
];

impl Story<'_> {
    pub(super) async fn welcome_tablet(&mut self) -> Result<(), DemoError> {
        let card = self
            .tablet
            .client
            .people()
            .card(TABLET.person, TABLET.name)?;
        self.phone.client.people().add_therapist(self.plan, &card)?;
        hand_over(&self.wire, &self.phone, &self.tablet, &card).await?;
        let line = format!(
            "the plan begins: “{}”; {} joins by its contact card",
            self.diary.aim.first.0, TABLET.name
        );
        self.told.lines.push((1, line));
        Ok(())
    }

    pub(super) async fn welcome_new_phone(&mut self, day: u32) -> Result<(), DemoError> {
        let zone = self.diary.zone.name();
        let new = Device::open(
            NEW_PHONE,
            self.seed,
            zone,
            self.folder,
            &self.wire,
            &self.clock,
        )?;
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

    pub(super) async fn propose(&mut self, day: u32) -> Result<(), DemoError> {
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
        let line = format!(
            "{} proposes {from} → {} {units} a day",
            TABLET.name, later.1
        );
        self.told.lines.push((day, line));
        Ok(())
    }

    pub(super) async fn accept(&mut self, day: u32) -> Result<(), DemoError> {
        if self.calendar.proposed == day {
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
        self.phone
            .client
            .goals()
            .decide(self.plan, revision, Verdict::Agree)?;
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
    pub(super) async fn write_together(&mut self, day: u32) -> Result<(), DemoError> {
        let (phone, tablet) = (&self.phone.client, &self.tablet.client);
        let note = tablet.texts().create(self.plan, None, Some(NOTE_TITLE))?;
        tablet.texts().splice(self.plan, note.text, 0, 0, NOTE[0])?;
        self.tablet.sync(&self.wire).await?;
        self.phone.sync(&self.wire).await?;
        let end = u32::try_from(NOTE[0].chars().count()).unwrap_or_default();
        phone
            .texts()
            .splice(self.plan, note.text, end, 0, NOTE[1])?;
        tablet.texts().splice(self.plan, note.text, 0, 0, "* ")?;
        self.phone.sync(&self.wire).await?;
        self.tablet.sync(&self.wire).await?;
        self.note = Some(note.text);
        let line = format!("both write into the note “{NOTE_TITLE}” at once; it is merged");
        self.told.lines.push((day, line));
        Ok(())
    }
}

/// A wording of the goal with what it asks for a day.
pub(super) fn revision(
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
        schedule: Some(Schedule {
            planned_rest: vec![Weekday::Sunday],
            ..Schedule::daily()
        }),
        effective_from: None,
        rationale: None,
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
