//! What an app does about a damaged database: see what is damaged, and have it fetched again.

use serde::Serialize;

use super::{Client, Config, Inner, PlanId, Profile, Status, WaymarkError, space_of};
use crate::driver::{Shares, SystemEntropy};
use crate::engine::Engine;
use crate::membership::SpaceKind;
use crate::space::{Damage, Repaired, Space};
use crate::store::{SqliteStore, Table, Transaction};

/// What came of repairing one space.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RepairView {
    /// The plan, or another space; none for what is not of one space, and where it cannot be read.
    pub plan: Option<PlanId>,
    /// Documents (a plan, a month) that come back with the next sync, and cannot be used before.
    pub documents: u32,
    /// Unsent changes that stood on what was damaged and were kept.
    pub kept: u32,
    /// Unsent changes that are lost, as far as is known. Where `restored`, there may have been more.
    pub lost: u32,
    /// Something unsent may be lost, so this device counts as restored: it becomes another device of
    /// its person than before, and the one that it was stays on the list until somebody removes it.
    pub restored: bool,
    /// The space's keys were lost: it is entered anew through home, and what was unsent is lost.
    pub entered_anew: bool,
    /// Why it could not be repaired. It is as before then.
    pub problem: Option<String>,
}

/// What came of rebuilding the database's file.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SalvageView {
    /// Table by table.
    pub tables: Vec<TableView>,
}

/// What came of one table.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct TableView {
    /// Its name.
    pub table: String,
    /// Rows that came over.
    pub rows: u64,
    /// Rows that are known to be lost.
    pub lost: u64,
    /// Whether there may have been others.
    pub broken: bool,
}

impl Client {
    /// Repairs a plan or another space: what is sound stays, what is damaged is dropped and comes back
    /// with the next sync. Without one, everything is looked at that this device has. Local, and done
    /// as a whole or not at all; nothing is sent before the log was read to its end.
    ///
    /// # Errors
    /// `damaged` where the file itself has to be rebuilt first ([`Client::salvage`]), or where the
    /// plan's keys are lost and home does not lead back to it; `not_found`; or the storage's.
    pub fn repair(&self, plan: Option<PlanId>) -> Result<Vec<RepairView>, WaymarkError> {
        let inner = &mut *self.inner.shared.lock();
        inner.engine.store.verify_pages()?;
        let mut views = Vec::new();
        if let Some(plan) = plan {
            let id = space_of(plan);
            let open = inner.engine.space(&id).map(Space::number);
            let is_it = |damage: &&Damage| damage.id == Some(id);
            let damaged = inner.engine.damaged().iter().find(is_it);
            let number = open.or_else(|| damaged.map(|damage| damage.number));
            let number = number.ok_or_else(|| WaymarkError::not_found(format!("space {id}")))?;
            let repaired = repair(inner, number)?;
            views.extend(view(Some(plan), repaired));
        } else {
            views.extend(repair_device(inner)?);
            for (number, plan) in all(&inner.engine) {
                match repair(inner, number) {
                    Ok(repaired) => views.extend(view(plan, repaired)),
                    Err(error @ WaymarkError::Damaged { .. }) => {
                        let mut failed = shown(plan, Repaired::default());
                        failed.problem = Some(error.to_string());
                        views.push(failed);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        self.inner.views.clear();
        self.inner.shared.wake();
        Ok(views)
    }

    /// Rebuilds the database's file from what can be read of it, where it does not open or
    /// [`Client::repair`] asks for it. It must not be open. The damaged file stays beside it until
    /// [`Client::remove_damaged`]. After it, open and repair: what the file lacks comes back then.
    ///
    /// # Errors
    /// `locked`, `key_lost`; `damaged` where nothing of it can be read: then the recovery phrase or
    /// another own device leads back; `storage_full`, `storage_failed`. It is as before then.
    pub fn salvage(config: &Config, storage_key: &[u8; 32]) -> Result<SalvageView, WaymarkError> {
        let entropy = SystemEntropy::default();
        let salvaged = SqliteStore::salvage(&config.directory, storage_key, entropy)?;
        let tables = salvaged.tables.into_iter().map(|table| TableView {
            table: table.table.name().into(),
            rows: table.rows,
            lost: table.lost.len() as u64,
            broken: table.broken,
        });
        Ok(SalvageView {
            tables: tables.collect(),
        })
    }

    /// Puts the database aside whose key is lost, so that this device can begin anew: with the recovery
    /// phrase, beside another own device, or as a new person. It is kept as `waymark.lost-1.sqlite` until
    /// everything is erased. The person decides, after `key_lost`.
    ///
    /// # Errors
    /// `not_allowed` where `storage_key` is its key, or there is no database; `locked`, `damaged`,
    /// `needs_newer_app`, `storage_full`, `storage_failed`. It is as before then.
    pub fn put_aside(config: &Config, storage_key: &[u8; 32]) -> Result<(), WaymarkError> {
        match SqliteStore::put_aside(&config.directory, storage_key)? {
            true => Ok(()),
            false => Err(WaymarkError::NotAllowed {
                reason: "there is no database with another key here".into(),
            }),
        }
    }

    /// Removes the damaged file that [`Client::salvage`] left.
    ///
    /// # Errors
    /// `storage_failed`.
    pub fn remove_damaged(config: &Config) -> Result<(), WaymarkError> {
        Ok(SqliteStore::remove_damaged(&config.directory)?)
    }
}

impl Inner {
    /// The spaces that did not open.
    pub(super) fn damaged_status(&self) -> Vec<Status> {
        let inner = self.shared.lock();
        let damaged = inner.engine.damaged().iter();
        let status = damaged.map(|damage| {
            let problem = WaymarkError::from(damage.what.clone());
            Status {
                space: damage.id.map(|id| PlanId(id.0)),
                kind: damage.kind,
                plan: plan_of(damage)
                    .filter(|_| damage.kind.is_none_or(|kind| kind == SpaceKind::Care)),
                ready: false,
                closed: false,
                followed_by: None,
                ended: false,
                unsent: 0,
                on_the_way: 0,
                waiting: 0,
                held: 0,
                not_done: Vec::new(),
                fetching: 0,
                unconfirmed: false,
                evidence: 0,
                covered: 0,
                synced: None,
                problem: Some("damaged".into()),
                problem_detail: Some(problem.to_string()),
            }
        });
        status.collect()
    }
}

fn plan_of(damage: &Damage) -> Option<PlanId> {
    let id = damage.id.filter(|_| damage.kind != Some(SpaceKind::Home));
    id.map(|id| PlanId(id.0))
}

/// Every space, home first: it leads back to the others.
fn all(engine: &Engine) -> Vec<(u32, Option<PlanId>)> {
    let open = engine.spaces().iter().map(|space| {
        let is_home = space.kind() == SpaceKind::Home;
        let plan = Some(PlanId(space.id().0)).filter(|_| !is_home);
        (!is_home, space.number(), plan)
    });
    let damaged = engine.damaged().iter().map(|damage| {
        let is_home = damage.kind == Some(SpaceKind::Home);
        (!is_home, damage.number, plan_of(damage))
    });
    let mut all: Vec<_> = open.chain(damaged).collect();
    all.sort_by_key(|(order, number, _)| (*order, *number));
    all.into_iter()
        .map(|(_, number, plan)| (number, plan))
        .collect()
}

fn repair(inner: &mut Shares, number: u32) -> Result<Repaired, WaymarkError> {
    let repaired = inner.engine.repair(number)?;
    if repaired.done {
        let restored = repaired.restored;
        inner.machine.repaired(&inner.engine, number, restored);
    }
    Ok(repaired)
}

/// Drops what is damaged of what is not of one space: invitations under way, keys of cards, a phrase
/// that was being made. The person's name is taken from home.
fn repair_device(inner: &mut Shares) -> Result<Option<RepairView>, WaymarkError> {
    let engine = &mut inner.engine;
    let mut transaction = Transaction::new();
    let mut lost = 0;
    for table in [Table::Home, Table::Meta] {
        for key in engine.store.sift(table, &[])?.damaged {
            lost += 1;
            transaction.delete(table, key);
        }
    }
    if lost == 0 {
        return Ok(None);
    }
    let has_profile = Profile::load(engine.store.as_ref()).is_ok_and(|profile| profile.is_some());
    let mut spaces = engine.spaces().iter();
    if let Some(known) = spaces.find_map(Space::newcomer_again)
        && !has_profile
    {
        let profile = Profile {
            name: known.name,
            device_name: known.device_name,
        };
        profile.save(&mut transaction);
    }
    engine.store.commit(transaction.into())?;
    let repaired = Repaired {
        done: true,
        lost,
        ..Repaired::default()
    };
    Ok(Some(shown(None, repaired)))
}

/// What is to be told, if anything was done.
fn view(plan: Option<PlanId>, repaired: Repaired) -> Option<RepairView> {
    repaired.done.then(|| shown(plan, repaired))
}

const fn shown(plan: Option<PlanId>, repaired: Repaired) -> RepairView {
    RepairView {
        plan,
        documents: repaired.documents,
        kept: repaired.kept,
        lost: repaired.lost,
        restored: repaired.restored,
        entered_anew: repaired.entered_anew,
        problem: None,
    }
}
