//! A recorded diary of eight months as the check-ins of a person with several goals, two phones and a
//! therapist: in the end all show the same, and the figures are those that another program computes
//! from the export alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use chrono::{Days, NaiveDate};
use serde_json::Value;
use waymark_core::client::PlanId;
use waymark_core::model::{
    CheckInId, Comparison, ConflictKind, GoalId, LifecycleStatus, MeasureId, NewCheckIn, NewGoal,
    NewRevision, NewStatus, Outcome, Pause, Period, Schedule, SchedulePattern, Target, Verdict,
    Weekday,
};
use waymark_tests::story::{assert_same, measure, meet, settle};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist, shared};

const DIARY: &str = "data/esm-one-person-239-days.csv";
const DAY: i64 = 86_400_000;
/// Days between two syncs.
const FORTNIGHT: usize = 14;
const GRACE: u8 = 1;

/// One row of the diary, as far as it is told here.
struct Report {
    date: NaiveDate,
    prompt: usize,
    relaxed: i32,
    satisfied: i32,
    sleepy: i32,
    moved: i32,
}

/// The diary, moved to begin on the Monday after the devices' clocks start.
fn diary(path: &Path) -> Vec<Report> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name: &str| names.iter().position(|known| *known == name).unwrap();
    let columns = [
        "beepno",
        "mood_relaxed",
        "mood_satisfi",
        "phy_sleepy",
        "phy_physact",
    ];
    let [prompt, relaxed, satisfied, sleepy, moved] = columns.map(place);
    let first: NaiveDate = "2012-08-13".parse().unwrap();
    let monday: NaiveDate = "2026-05-04".parse().unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |at: usize| cells[at].parse().unwrap_or_default();
        let date: NaiveDate = cells[place("date")].parse().unwrap();
        Report {
            date: monday + (date - first),
            prompt: cells[prompt].parse().unwrap(),
            relaxed: number(relaxed),
            satisfied: number(satisfied),
            sleepy: number(sleepy),
            moved: number(moved),
        }
    };
    lines.map(row).collect()
}

fn at_least(value: f64, period: Period, measure: MeasureId) -> Option<Target> {
    Some(Target {
        measure: Some(measure),
        comparison: Comparison::AtLeast,
        value: Some(value),
        unit: None,
        period,
        due: None,
    })
}

fn of(pattern: SchedulePattern) -> Schedule {
    Schedule {
        pattern,
        ..Schedule::daily()
    }
}

/// A client with two phones and a therapist, and four goals that are counted in four ways.
struct Year {
    phones: [Device; 2],
    tablet: Device,
    plan: PlanId,
    goals: Vec<GoalId>,
    points: MeasureId,
    /// What each phone logged, for its corrections.
    logged: [Vec<(CheckInId, GoalId, NaiveDate)>; 2],
    _relay: TestRelay,
}

impl Year {
    async fn begin() -> Self {
        let relay = TestRelay::start().await;
        let (phone, plan) = begin(&relay);
        let points = measure(&phone, plan, "points", 1_000);
        let evenings = Schedule {
            planned_rest: vec![Weekday::Sunday],
            pauses: vec![Pause {
                from: "2026-07-06".parse().unwrap(),
                to: "2026-07-15".parse().unwrap(),
            }],
            ..Schedule::daily()
        };
        let wordings = [
            (
                "Look twice a day",
                Schedule::daily(),
                at_least(2.0, Period::Day, points),
            ),
            ("Relax", of(SchedulePattern::TimesAWeek { times: 3 }), None),
            (
                "Move",
                Schedule::daily(),
                at_least(20.0, Period::Week, points),
            ),
            ("Evenings", evenings, None),
        ];
        let goals = wordings.map(|(statement, schedule, target)| {
            let wording = NewRevision {
                target,
                ..NewRevision::first(statement, schedule)
            };
            let goals = phone.client().goals();
            goals.create(plan, &NewGoal::default(), &wording).unwrap()
        });
        let second = link_phone(&phone).await;
        let tablet = link_therapist(&phone, plan).await;
        settle(&[&phone, &second, &tablet]).await;
        Self {
            phones: [phone, second],
            tablet,
            plan,
            goals: goals.to_vec(),
            points,
            logged: [Vec::new(), Vec::new()],
            _relay: relay,
        }
    }

    fn devices(&self) -> [&Device; 3] {
        [&self.phones[0], &self.phones[1], &self.tablet]
    }

    fn wait(&self, days: i64) {
        for device in self.devices() {
            device.clock().advance(days * DAY);
        }
    }

    /// Every report is a check-in of one goal, on one of the phones. Now and then an earlier one is
    /// corrected.
    fn tell(&mut self, number: usize, report: &Report) {
        let which = number % self.goals.len();
        let (goal, phone) = (self.goals[which], report.prompt % 2);
        let yes = |is_done| {
            if is_done {
                Outcome::Done
            } else {
                Outcome::Partial
            }
        };
        let (outcome, quantity) = match which {
            0 => (Outcome::Done, Some(1)),
            1 => (yes(report.relaxed >= 5), None),
            2 => (Outcome::Partial, Some(report.moved.max(0))),
            _ if report.sleepy >= 6 => (Outcome::Rest, None),
            _ => (yes(report.satisfied >= 4), None),
        };
        let check_in = NewCheckIn {
            date: Some(report.date),
            quantity: quantity.map(f64::from),
            ..NewCheckIn::new(goal, outcome)
        };
        let check_ins = self.phones[phone].client().check_ins();
        let id = check_ins.log(self.plan, &check_in).unwrap();
        self.logged[phone].push((id, goal, report.date));
        let logged = &self.logged[phone];
        let Some((old, goal, date)) = logged.len().checked_sub(9).map(|at| logged[at]) else {
            return;
        };
        if number.is_multiple_of(40) {
            let correction = NewCheckIn {
                date: Some(date),
                replaces: vec![old],
                ..NewCheckIn::new(goal, Outcome::Done)
            };
            check_ins.log(self.plan, &correction).unwrap();
        }
    }

    /// The therapist proposes another wording of a goal, and the client agrees on a phone.
    async fn adjust(
        &self,
        goal: GoalId,
        statement: &str,
        schedule: Schedule,
        target: Option<Target>,
    ) {
        let goals = self.tablet.client().goals();
        let list = goals.list(self.plan).unwrap();
        let held = list.iter().find(|known| known.id == goal).unwrap();
        let next = NewRevision {
            goal,
            replaces: held.in_force.iter().map(|revision| revision.id).collect(),
            target,
            ..NewRevision::first(statement, schedule)
        };
        let next = goals.propose(self.plan, &next).unwrap();
        meet(&self.devices()).await;
        let client = self.phones[1].client();
        client
            .goals()
            .decide(self.plan, next, Verdict::Agree)
            .unwrap();
        meet(&self.devices()).await;
    }

    /// The client says on a phone where a goal stands.
    fn stand(&self, phone: usize, goal: GoalId, to: LifecycleStatus) {
        let status = NewStatus {
            goal,
            to,
            achievement: None,
            reason: None,
        };
        let goals = self.phones[phone].client().goals();
        goals.set_status_anyway(self.plan, &status).unwrap();
    }

    /// What happens to goals on a day of the year beside what is logged.
    async fn live(&self, day: usize) {
        let [look, relax, move_, evenings] = self.goals[..] else {
            return;
        };
        match day {
            60 => {
                let once = at_least(1.0, Period::Day, self.points);
                self.adjust(look, "Look once a day", Schedule::daily(), once)
                    .await;
            }
            // Put aside for two weeks.
            90 => self.stand(0, evenings, LifecycleStatus::OnHold),
            104 => self.stand(0, evenings, LifecycleStatus::Active),
            150 => {
                let days = vec![Weekday::Tuesday, Weekday::Thursday, Weekday::Saturday];
                let fixed = of(SchedulePattern::Weekdays { days });
                self.adjust(relax, "Relax on fixed days", fixed, None).await;
            }
            // Two phones that are apart say different things, and the client chooses later.
            172 => self.stand(0, move_, LifecycleStatus::OnHold),
            175 => self.stand(1, move_, LifecycleStatus::Completed),
            190 => {
                let list = self.tablet.client().goals().list(self.plan).unwrap();
                let goal = list.iter().find(|goal| goal.id == move_).unwrap();
                assert_eq!(goal.conflicts[0].kind, ConflictKind::Statuses);
                self.stand(1, move_, LifecycleStatus::Active);
            }
            230 => self.stand(1, relax, LifecycleStatus::OnHold),
            _ => {}
        }
    }

    /// What another program computes from the export.
    fn computed(&self) -> BTreeMap<String, Value> {
        let directory = tempfile::TempDir::new().unwrap();
        let export = directory.path().join("export.json");
        std::fs::write(&export, self.phones[1].client().export_all().unwrap()).unwrap();
        let today = self.phones[1].client().goals().today(self.plan).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/year_figures.py");
        let output = Command::new("python3")
            .arg(script)
            .arg(export)
            .args([today.to_string(), GRACE.to_string()])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let figures: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let goal = |figures: &Value| figures["goal"].as_str().unwrap().to_owned();
        figures
            .into_iter()
            .map(|figures| (goal(&figures), figures))
            .collect()
    }
}

/// A person would hold on to figures that their own check-ins do not have, or that another device tells
/// otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn the_figures_of_a_recorded_diary_are_those_of_another_program() {
    let name = "the_figures_of_a_recorded_diary_are_those_of_another_program";
    let Some(path) = shared(DIARY, name) else {
        return;
    };
    let diary = diary(&path);
    assert_eq!(diary.len(), 1_476);
    let mut year = Year::begin().await;
    year.wait(3);
    let mut today: NaiveDate = "2026-05-04".parse().unwrap();
    let last = diary.iter().map(|report| report.date).max().unwrap();
    let mut day = 0;
    while today <= last {
        let reports = diary.iter().enumerate();
        for (number, report) in reports.filter(|(_, report)| report.date == today) {
            year.tell(number, report);
        }
        if day % FORTNIGHT == FORTNIGHT - 1 {
            meet(&year.devices()).await;
        }
        year.live(day).await;
        year.wait(1);
        today = today + Days::new(1);
        day += 1;
    }
    settle(&year.devices()).await;
    assert_same(year.plan, &year.devices());

    let computed = year.computed();
    assert_eq!(computed.len(), year.goals.len());
    for device in year.devices() {
        for view in device.client().progress().all(year.plan, GRACE).unwrap() {
            let ours = serde_json::to_value(&view).unwrap();
            let theirs = &computed[ours["goal"].as_str().unwrap()];
            for figure in [
                "unit", "streak", "best", "slips", "done", "expected", "total", "message",
            ] {
                assert_eq!(ours[figure], theirs[figure], "{figure} of {view:?}");
            }
            let strength = theirs["strength"].as_f64().unwrap();
            assert!(
                (view.strength - strength).abs() < 1e-6,
                "{strength} for {view:?}"
            );
            assert!(
                view.total > 10 && view.best > 1,
                "nothing to compare: {view:?}"
            );
        }
    }
    let growth = |device: &Device| {
        let progress = device.client().progress();
        let from = last - Days::new(90);
        progress.growth(year.plan, from, last, GRACE).unwrap()
    };
    let [one, two, three] = year.devices().map(growth);
    assert_eq!(one, two);
    assert_eq!(two, three);
    assert_eq!(one.goals.len(), year.goals.len());
}
