use crate::harness::{Desk, Relay};
pub(crate) fn sharing(relay: &Relay) -> (Desk, Desk) {
    let kim = Desk::client(relay, "Kim");
    let ada = Desk::therapist(relay, "Ada");
    let (k, a) = (kim.open(), ada.open());
    let rt = tokio::runtime::Runtime::new().unwrap();
    let card = a.people().card("Ada", "tablet").unwrap();
    k.people().add_therapist(k.people().plans()[0], &card).unwrap();
    rt.block_on(k.sync().now()).unwrap();
    a.people().accept(&k.people().welcome(&card).unwrap().unwrap()).unwrap();
    rt.block_on(a.sync().now()).unwrap();
    drop((k, a));
    (kim, ada)
}
