//! `repair`: what is damaged is dropped and comes back with the next sync.

use clap::Args;
use serde_json::json;
use waymark_core::client::{Client, RepairView, SalvageView};

use crate::desk::{Desk, DeskError, Place, Which};
use crate::page::{Ink, Page};
use crate::talk::Talk;

/// What of.
#[derive(Args, Debug)]
pub(crate) struct Repair {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    which: Which,

    /// Rebuild the database's file first, from what can be read of it; the damaged one is kept beside
    /// it. Needed where it does not open at all.
    #[arg(long)]
    file: bool,

    /// Remove the damaged file that an earlier `repair --file` has kept.
    #[arg(long, conflicts_with = "file")]
    forget_damaged: bool,
}

/// Repairs one plan, or without `--plan` everything.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &Repair, talk: Talk) -> Result<(), DeskError> {
    if args.file {
        let (config, key) = Desk::config(&args.place)?;
        told(talk, &Client::salvage(&config, &key)?);
    }
    if args.forget_damaged {
        let (config, _) = Desk::config(&args.place)?;
        return Ok(Client::remove_damaged(&config)?);
    }
    let desk = Desk::open(&args.place, talk)?;
    let plan = args.which.stated(&desk)?;
    let views = desk.client.repair(plan)?;
    for view in &views {
        let fields = serde_json::to_value(view).unwrap_or_else(|_| json!({}));
        talk.tell("repaired", fields, |page| show(page, view));
    }
    if views.is_empty() {
        talk.note("nothing is damaged");
    } else {
        talk.note("what was dropped comes back with `waymark sync`");
    }
    Ok(())
}

fn told(talk: Talk, salvaged: &SalvageView) {
    let fields = serde_json::to_value(salvaged).unwrap_or_else(|_| json!({}));
    talk.tell("salvaged", fields, |page| {
        for table in salvaged
            .tables
            .iter()
            .filter(|t| t.rows + t.lost > 0 || t.broken)
        {
            let more = if table.broken { " or more" } else { "" };
            let (name, rows, lost) = (&table.table, table.rows, table.lost);
            page.line(format_args!("{name}: {rows} rows kept, {lost}{more} lost"));
        }
    });
}

fn show(page: Page, view: &RepairView) {
    let name = match view.plan {
        Some(plan) => format!("plan {plan}"),
        None => "home, or what is of no one space".into(),
    };
    page.line(page.ink(Ink::Bold, name));
    let (documents, kept, lost) = (view.documents, view.kept, view.lost);
    page.line(format_args!(
        "  {documents} documents to fetch, {kept} unsent changes kept, {lost} lost"
    ));
    if view.restored {
        page.line("  something unsent may be lost: this device becomes another one than before");
    }
    if view.entered_anew {
        page.line("  its keys were lost: it is entered anew through home");
    }
    if let Some(problem) = &view.problem {
        page.line(page.ink(Ink::Yellow, format_args!("  {problem}")));
    }
}
