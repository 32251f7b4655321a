//! Everything, for the person whose it is.

use serde_json::{Value, json};
use waymark_wire::ids::SpaceId;

use super::people::PlanId;
use super::{Client, Inner, WaymarkError, space_of};
use crate::engine::Engine;
use crate::membership::SpaceKind;
use crate::model::{DocumentKey, DocumentKind, projection_hash, projection_json};

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

    /// Erases this device's database, and with it every key: what the relay holds stays, and this
    /// device can read none of it any more. The client answers nothing after this.
    ///
    /// # Errors
    /// The storage's.
    pub fn erase_everything(self) -> Result<(), WaymarkError> {
        let directory = self.inner.config.directory.clone();
        let inner = &mut *self.inner.shared.lock();
        let mut transaction = crate::store::Transaction::new();
        for table in crate::store::Table::ALL {
            transaction.delete_prefix(table, Vec::new());
        }
        inner.engine.store.commit(transaction.into())?;
        inner.engine = Engine::open(
            Box::new(crate::store::MemoryDisk::new().open()?),
            Box::new(crate::driver::SystemEntropy::default()),
        )?;
        crate::store::SqliteStore::remove(&directory)?;
        Ok(())
    }
}

fn project<T>(
    inner: &Inner,
    engine: &mut Engine,
    id: SpaceId,
    make: impl FnOnce(&crate::model::Plan, &[std::sync::Arc<crate::model::Log>]) -> T,
) -> Result<T, WaymarkError> {
    let plan = inner.views.plan(engine, id)?;
    let (space, _, _) = super::cache::care(engine, id)?;
    let kind = u16::from(DocumentKind::Log.code());
    let months: Vec<DocumentKey> = space
        .document_names()
        .filter(|name| name.kind == kind)
        .map(|name| DocumentKey {
            kind: DocumentKind::Log,
            part: name.part,
        })
        .collect();
    let mut logs = Vec::new();
    for month in months {
        logs.push(inner.views.log(engine, id, month)?);
    }
    Ok(make(&plan, &logs))
}
