//! `habit`: what is done after or before something that happens anyway.

use clap::{Args, Subcommand};
use serde_json::json;
use waymark_core::client::PlanId;
use waymark_core::model::{Content, Habit as Says, HabitPlace, ItemView, Kind, RoutineView};

use super::at::At;
use super::items::{self, Sort, show_beside};
use crate::desk::{Desk, DeskError, short};
use crate::page::{Ink, Page};
use crate::talk::Talk;

/// Habits, as a verb speaks of them.
const HABITS: Sort = Sort {
    kind: Kind::Habit,
    noun: "habit",
    words: |item| match &item.content {
        Content::AHabit(habit) => Some(&habit.text),
        _ => None,
    },
};

/// Habits, in the order of a day.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Habit {
    #[command(flatten)]
    at: At,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hang a habit on a moment of the day or on another habit.
    New(New),
    /// Change what a habit says or what it hangs on.
    Change(Change),
    /// Remove a habit. What hangs on it stays, and carries itself.
    Remove(Remove),
}

#[derive(Args, Debug)]
struct New {
    /// What is done.
    text: String,

    #[command(flatten)]
    hook: Hook,

    /// How long it takes, in minutes, 1 to 1440.
    #[arg(long, value_name = "N")]
    minutes: Option<u16>,

    /// The goal that it serves: its wording, its id or the beginning of it.
    #[arg(long, allow_hyphen_values = true)]
    goal: Option<String>,

    #[command(flatten)]
    at: At,
}

#[derive(Args, Debug)]
struct Change {
    /// The habit: its wording, its id or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    habit: String,

    /// What is done; without it, that stays.
    #[arg(long)]
    text: Option<String>,

    #[command(flatten)]
    hook: Hook,

    /// How long it takes, in minutes, 1 to 1440; without it, that stays.
    #[arg(long, value_name = "N")]
    minutes: Option<u16>,

    /// The goal that it serves; without it, that stays.
    #[arg(long, allow_hyphen_values = true)]
    goal: Option<String>,

    #[command(flatten)]
    at: At,
}

#[derive(Args, Debug)]
struct Remove {
    /// The habit: its wording, its id or the beginning of it.
    #[arg(allow_hyphen_values = true)]
    habit: String,

    #[command(flatten)]
    at: At,
}

/// What a habit hangs on: one of these.
#[derive(Args, Debug)]
#[group(multiple = false)]
struct Hook {
    /// After this moment, as "the first coffee".
    #[arg(long, value_name = "MOMENT")]
    after: Option<String>,

    /// Before this moment.
    #[arg(long, value_name = "MOMENT")]
    before: Option<String>,

    /// After this habit: its wording, its id or the beginning of it.
    #[arg(long, value_name = "HABIT", allow_hyphen_values = true)]
    after_habit: Option<String>,

    /// Before this habit.
    #[arg(long, value_name = "HABIT", allow_hyphen_values = true)]
    before_habit: Option<String>,
}

/// Shows habits, or writes about one.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Habit, talk: Talk) -> Result<(), DeskError> {
    match &args.command {
        None => list(args, talk),
        Some(Command::New(new)) => create(new, talk),
        Some(Command::Change(change)) => alter(change, talk),
        Some(Command::Remove(remove)) => HABITS.remove(&remove.at, &remove.habit, talk),
    }
}

fn list(args: &Habit, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let routine = desk.client.habits().routine(plan)?;
    let items = desk.client.items().list(plan, HABITS.kind)?;
    for stack in &routine.stacks {
        for step in &stack.steps {
            let fields = json!({ "plan": plan, "stack": stack.carried_by, "habit": step });
            let item = items.iter().find(|item| item.id == step.id);
            talk.tell("habit", fields, |page| {
                show(page, &items, &step.id.to_string(), &step.habit);
                if let Some(item) = item {
                    show_beside(page, item);
                }
            });
        }
    }
    rings(&routine, &items, plan, talk);
    if routine.stacks.is_empty() {
        talk.note("there is no habit yet: `waymark habit new` makes one");
    }
    Ok(())
}

/// Says which habits hang on each other in a ring.
fn rings(routine: &RoutineView, items: &[ItemView], plan: PlanId, talk: Talk) {
    for ring in &routine.cycles {
        let named = items.iter().filter(|item| ring.habits.contains(&item.id));
        let names: Vec<_> = named.filter_map(HABITS.words).collect();
        let fields = json!({ "plan": plan, "ring": ring.habits });
        talk.tell("habit_ring", fields, |page| {
            let names = names.join(", ");
            let text = format!("these hang on each other: {names}. Hang one on something else");
            page.line(page.ink(Ink::Yellow, text));
        });
    }
}

fn show(page: Page, all: &[ItemView], id: &str, habit: &Says) {
    let anchor = habit.anchor.and_then(|anchor| {
        let item = all.iter().find(|item| item.id == anchor);
        item.and_then(HABITS.words)
    });
    let place = match habit.place {
        HabitPlace::After => "after",
        HabitPlace::Before => "before",
    };
    let hook = match anchor.or(habit.cue.as_deref()) {
        Some(hook) => format!(", {place} {hook}"),
        None => String::new(),
    };
    let minutes = habit.minutes.map(|minutes| format!(" ({minutes} min)"));
    page.line(format_args!(
        "{}  {}{hook}{}",
        page.ink(Ink::Dim, short(id)),
        page.ink(Ink::Bold, &habit.text),
        minutes.unwrap_or_default()
    ));
}

fn create(args: &New, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let bare = Says {
        text: args.text.clone(),
        goal: items::goal(&desk, plan, args.goal.as_deref())?,
        anchor: None,
        cue: None,
        place: HabitPlace::After,
        minutes: args.minutes,
    };
    let habit = args.hook.on(&desk, plan, bare)?;
    let id = desk.client.items().add(plan, habit)?;
    tell(&desk, plan, "habit_added", &id.to_string())
}

fn alter(args: &Change, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.at.open(talk)?;
    let item = HABITS.one(&desk, plan, &args.habit)?;
    let Content::AHabit(known) = item.content else {
        return Err(DeskError::Wrong("this is no habit".into()));
    };
    let changed = Says {
        text: args.text.clone().unwrap_or(known.text),
        goal: items::goal(&desk, plan, args.goal.as_deref())?.or(known.goal),
        minutes: args.minutes.or(known.minutes),
        ..known
    };
    let habit = args.hook.on(&desk, plan, changed)?;
    desk.client.items().change(plan, item.id, None, habit)?;
    tell(&desk, plan, "habit_changed", &item.id.to_string())
}

/// Says what a habit says now.
fn tell(desk: &Desk, plan: PlanId, event: &str, id: &str) -> Result<(), DeskError> {
    let all = desk.client.items().list(plan, HABITS.kind)?;
    let item = HABITS.one(desk, plan, id)?;
    let fields = json!({ "plan": plan, "habit": item });
    desk.talk.tell(event, fields, |page| {
        if let Content::AHabit(habit) = &item.content {
            show(page, &all, id, habit);
        }
    });
    Ok(())
}

impl Hook {
    /// A habit that hangs on it; without one it hangs where it did.
    fn on(&self, desk: &Desk, plan: PlanId, habit: Says) -> Result<Says, DeskError> {
        let place = match (&self.after, &self.after_habit) {
            (None, None) => HabitPlace::Before,
            _ => HabitPlace::After,
        };
        let cue = self.after.as_ref().or(self.before.as_ref());
        let anchor = self.after_habit.as_ref().or(self.before_habit.as_ref());
        if cue.is_none() && anchor.is_none() {
            return Ok(habit);
        }
        let anchor = anchor.map(|meant| HABITS.one(desk, plan, meant));
        Ok(Says {
            anchor: anchor.transpose()?.map(|item| item.id),
            cue: cue.cloned(),
            place,
            ..habit
        })
    }
}
