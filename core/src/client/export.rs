//! Everything, for the person whose it is.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use waymark_wire::ids::SpaceId;

use super::{Client, Inner, PlanId, WaymarkError, space_of};
use crate::driver::Shares;
use crate::engine::Engine;
use crate::membership::SpaceKind;
use crate::model::{projection_hash, projection_json};
use crate::sync::Machine;

impl Client {
    /// Everything that this device can read of every plan, as JSON for people and programs.
    ///
    /// # Errors
    /// The storage's.
    pub fn export_all(&self) -> Result<String, WaymarkError> {
        let inner = &mut *self.inner.shared.lock();
        let engine = &mut inner.engine;
        let care = |space: &&crate::space::Space| space.kind() == SpaceKind::Care;
        let ids: Vec<SpaceId> = engine
            .spaces()
            .iter()
            .filter(care)
            .map(crate::space::Space::id)
            .collect();
        let mut plans = Vec::new();
        for id in ids {
            let plan = PlanId(id.0).to_string();
            let content = project(&self.inner, engine, id, projection_json)?;
            plans.push(json!({ "plan": plan, "content": content }));
        }
        Ok(format!("{:#}", Value::from(plans)))
    }

    /// The records of a plan as they are kept: CBOR, each known by the hash of its bytes, document
    /// by document. Texts that people edit together are not among them.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn export_records(&self, plan: PlanId) -> Result<Vec<Vec<u8>>, WaymarkError> {
        let inner = &mut *self.inner.shared.lock();
        let (space, store, _) = super::cache::care(&mut inner.engine, space_of(plan))?;
        let names: Vec<_> = space.document_names().collect();
        let mut records = Vec::new();
        for name in names {
            let document = space.document(store, name)?;
            records.extend(document.records().map(|record| record.bytes.into_owned()));
        }
        Ok(records)
    }

    /// The SHA-256 of everything that a plan shows: equal on two devices exactly where they show
    /// the same.
    ///
    /// # Errors
    /// `not_found`, or the storage's.
    pub fn projection_hash(&self, plan: PlanId) -> Result<[u8; 32], WaymarkError> {
        let inner = &mut *self.inner.shared.lock();
        project(
            &self.inner,
            &mut inner.engine,
            space_of(plan),
            projection_hash,
        )
    }

    /// Closes the database and drops every key and view, at once: also while a sync is under way or
    /// other clones of this client are held, which from then on see a device that is in no space.
    ///
    /// # Errors
    /// The storage's.
    pub fn close(self) -> Result<(), WaymarkError> {
        let old = self.inner.empty(&mut self.inner.shared.lock())?;
        Ok(old.store.close()?)
    }

    /// Erases this device's database, and with it every key: what the relay holds stays, and this
    /// device can read none of it any more. The client answers nothing after this.
    ///
    /// # Errors
    /// The storage's.
    pub fn erase_everything(self) -> Result<(), WaymarkError> {
        let shares = &mut *self.inner.shared.lock();
        let mut transaction = crate::store::Transaction::new();
        for table in crate::store::Table::ALL {
            transaction.delete_prefix(table, Vec::new());
        }
        shares.engine.store.commit(transaction.into())?;
        drop(self.inner.empty(shares)?);
        crate::store::SqliteStore::remove(&self.inner.config.directory)?;
        Ok(())
    }
}

impl Inner {
    /// Puts an empty device in the place of this one, which is returned.
    fn empty(&self, shares: &mut Shares) -> Result<Engine, WaymarkError> {
        let store = crate::store::MemoryDisk::new().open()?;
        let entropy = crate::driver::SystemEntropy::default();
        let empty = Engine::open(Box::new(store), Box::new(entropy))?;
        shares.machine = Machine::new();
        self.views.clear();
        self.is_over.store(true, Ordering::Relaxed);
        Ok(std::mem::replace(&mut shares.engine, empty))
    }
}

fn project<T>(
    inner: &Inner,
    engine: &mut Engine,
    id: SpaceId,
    make: impl FnOnce(&crate::model::Plan, &[std::sync::Arc<crate::model::Log>]) -> T,
) -> Result<T, WaymarkError> {
    let plan = inner.views.plan(engine, id)?;
    let logs = inner.logs(engine, id, |_| true)?;
    Ok(make(&plan, &logs))
}
