//! The statements on when spaces were last used.

use rusqlite::{Connection, OptionalExtension, params};
use waymark_wire::ids::{DeviceNumber, SpaceId};

use super::rows::bound;
use crate::log::Day;
use crate::log::rows::{Fault, SpaceNumber, UseRows};

impl UseRows for Connection {
    fn touch(&self, number: SpaceNumber, day: Day) -> Result<(), Fault> {
        self.prepare_cached(
            "UPDATE space SET used = ?2 WHERE number = ?1 AND used BETWEEN 0 AND ?2 - 1",
        )?
        .execute(params![number.0, day.0])?;
        Ok(())
    }

    fn used(&self, number: SpaceNumber) -> Result<Day, Fault> {
        let used = self
            .prepare_cached("SELECT max(used, 0) FROM space WHERE number = ?1")?
            .query_row([number.0], |row| row.get(0))?;
        Ok(Day(used))
    }

    fn ran(&self) -> Result<Day, Fault> {
        let ran = self
            .prepare_cached("SELECT ran FROM relay")?
            .query_row([], |row| row.get(0))?;
        Ok(Day(ran))
    }

    fn set_ran(&self, day: Day, later: u32) -> Result<(), Fault> {
        self.prepare_cached("UPDATE relay SET ran = ?1")?
            .execute([day.0])?;
        if later > 0 {
            self.prepare_cached("UPDATE space SET used = used + ?1 WHERE used > 0")?
                .execute([later])?;
        }
        Ok(())
    }

    fn begin_counting(&self, day: Day, most: usize) -> Result<bool, Fault> {
        let begun = self
            .prepare_cached(
                "UPDATE space SET used = ?1 WHERE number IN
                 (SELECT number FROM space WHERE used = 0 LIMIT ?2)",
            )?
            .execute(params![day.0, bound(most)])?;
        Ok(begun > 0)
    }

    fn unused(&self, since: Day) -> Result<Option<SpaceId>, Fault> {
        let found = self
            .prepare_cached(
                "SELECT id FROM space WHERE used BETWEEN 1 AND ?1 - 1 ORDER BY used LIMIT 1",
            )?
            .query_row([since.0], |row| row.get(0).map(SpaceId))
            .optional()?;
        Ok(found)
    }

    fn retire(&self, number: SpaceNumber, nobody: &SpaceId) -> Result<(), Fault> {
        let places = params![number.place(0), number.place(u64::MAX)];
        for statement in [
            "DELETE FROM checkpoint WHERE place BETWEEN ?1 AND ?2",
            "DELETE FROM confirmation WHERE place BETWEEN ?1 AND ?2",
            "DELETE FROM snapshot WHERE place BETWEEN ?1 AND ?2",
            "DELETE FROM membership WHERE step BETWEEN ?1 AND ?2",
        ] {
            self.prepare_cached(statement)?.execute(places)?;
        }
        self.prepare_cached("DELETE FROM attachment WHERE space = ?1")?
            .execute([number.0])?;
        let signers = [DeviceNumber(0), DeviceNumber(u16::MAX)].map(|device| number.signer(device));
        self.prepare_cached("DELETE FROM wake WHERE signer BETWEEN ?1 AND ?2")?
            .execute(signers)?;
        self.prepare_cached("UPDATE space SET id = ?2, bytes = 0, used = -1 WHERE number = ?1")?
            .execute(params![number.0, nobody.0])?;
        Ok(())
    }

    fn leaving(&self) -> Result<Option<SpaceNumber>, Fault> {
        let found = self
            .prepare_cached("SELECT number FROM space WHERE used = -1 LIMIT 1")?
            .query_row([], |row| row.get(0).map(SpaceNumber))
            .optional()?;
        Ok(found)
    }

    fn drop_entries(&self, number: SpaceNumber, most: usize) -> Result<usize, Fault> {
        let dropped = self
            .prepare_cached(
                "DELETE FROM entry WHERE place IN
                 (SELECT place FROM entry WHERE place BETWEEN ?1 AND ?2 LIMIT ?3)",
            )?
            .execute([number.place(0), number.place(u64::MAX), bound(most)])?;
        Ok(dropped)
    }

    fn remove_space(&self, number: SpaceNumber) -> Result<(), Fault> {
        self.prepare_cached("DELETE FROM space WHERE number = ?1")?
            .execute([number.0])?;
        Ok(())
    }
}
