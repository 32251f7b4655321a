//! The statements on tokens by which members are woken.

use rusqlite::{Connection, params};
use waymark_wire::ids::DeviceNumber;

use crate::log::rows::{Fault, SpaceNumber, WakeRows};

impl WakeRows for Connection {
    fn set_wake(
        &self,
        number: SpaceNumber,
        device: DeviceNumber,
        token: Option<&[u8]>,
    ) -> Result<(), Fault> {
        let signer = number.signer(device);
        match token {
            Some(token) => self
                .prepare_cached("INSERT OR REPLACE INTO wake (signer, token) VALUES (?1, ?2)")?
                .execute(params![signer, token])?,
            None => self
                .prepare_cached("DELETE FROM wake WHERE signer = ?1")?
                .execute([signer])?,
        };
        Ok(())
    }

    fn wakes(&self, number: SpaceNumber) -> Result<Vec<(DeviceNumber, Vec<u8>)>, Fault> {
        let mut statement = self.prepare_cached(
            "SELECT signer & 0xffff, token FROM wake WHERE signer BETWEEN ?1 AND ?2",
        )?;
        let range = [DeviceNumber(0), DeviceNumber(u16::MAX)].map(|device| number.signer(device));
        let wakes =
            statement.query_map(range, |row| Ok((DeviceNumber(row.get(0)?), row.get(1)?)))?;
        Ok(wakes.collect::<Result<_, _>>()?)
    }
}
