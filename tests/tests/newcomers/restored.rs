//! Phones that are restored: by words alone, from a backup, and from what was damaged.

use waymark_core::client::RecoveryState;
use waymark_tests::story::{assert_same, assert_settled, log, notes, settle, sync};
use waymark_tests::{Device, link_phone};

use super::support::{Diary, missing, publish};

/// All that is left is a sheet of paper, and the relay has let go of years.
#[tokio::test(flavor = "multi_thread")]
async fn words_alone_bring_everything_back() {
    let mut diary = Diary::new().await;
    let people = diary.phone.client().people();
    let words = people.make_phrase(None).unwrap();
    people.confirm_phrase(None).unwrap();
    settle(&[&diary.phone]).await;
    diary.publish().await;
    diary.days(2).await;
    diary.relay.pass(31).await;
    let recovery = diary.phone.client().people().recovery().unwrap();
    assert_eq!(recovery, RecoveryState::Ready);
    diary.phone.close();

    let found = Device::with_relay(&diary.liar.url());
    found
        .client()
        .people()
        .restore(&words, "Kim", "found")
        .unwrap();
    settle(&[&found, &diary.tablet]).await;
    let plan = diary.plan;
    assert_same(plan, &[&found, &diary.tablet]);
    assert_eq!(notes(&found, plan).len(), 11);
    assert_settled(&found);
    log(&found, plan, diary.walk, "afterwards");
    settle(&[&found, &diary.tablet]).await;
    assert_same(plan, &[&found, &diary.tablet]);
    let mut found = found;
    assert!(missing(&mut found, diary.space()) > 10);
}

/// A backup is put back while the phone that it is of goes on: two with one number.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_from_before_the_checkpoint_becomes_a_device_of_its_own() {
    let mut diary = Diary::new().await;
    let plan = diary.plan;
    log(&diary.phone, plan, diary.walk, "unsent in both");
    let backup = diary.phone.copy();
    log(&backup, plan, diary.walk, "unsent in the backup");
    for day in ["one", "two"] {
        log(&diary.phone, plan, diary.walk, day);
        sync(&diary.phone).await.unwrap();
    }
    diary.publish().await;
    diary.relay.pass(31).await;
    settle(&[&backup, &diary.phone, &diary.tablet]).await;
    assert_same(plan, &[&backup, &diary.phone, &diary.tablet]);
    let all = notes(&diary.tablet, plan);
    assert_eq!(all.len(), 13, "{all:?}");
    assert_settled(&backup);
    assert_settled(&diary.phone);
    let devices = diary.phone.client().people().devices().unwrap();
    assert_eq!(devices.len(), 2);
}

/// What was damaged would stay away where the relay has no first entries to give.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_comes_back_from_the_checkpoint() {
    use waymark_core::store::Table;

    for started in [false, true] {
        let mut diary = Diary::new().await;
        let plan = diary.plan;
        if started {
            // This phone has never had the first entries itself.
            diary.publish().await;
            diary.relay.pass(31).await;
            let second = link_phone(&diary.phone).await;
            settle(&[&second, &diary.phone, &diary.tablet]).await;
            diary.phone = second;
            let phone = &diary.phone;
            settle(&[phone, &diary.tablet]).await;
        }
        log(&diary.phone, plan, diary.walk, "unsent");
        if !started {
            publish(&diary.tablet).await;
            settle(&[&diary.tablet]).await;
        }
        let unsent = notes(&diary.phone, plan).len();
        // A month and the plan do not open any more.
        diary.phone.close();
        let file = diary.phone.directory().join("waymark.sqlite");
        let db = rusqlite::Connection::open(file).unwrap();
        for table in [Table::Snapshot, Table::Change] {
            let name = table.name();
            let spoil = format!("UPDATE {name} SET value = zeroblob(60)");
            db.execute(&spoil, []).unwrap();
        }
        drop(db);
        diary.phone.reopen();
        diary.phone.client().repair(None).unwrap();
        diary.relay.pass(31).await;
        settle(&[&diary.phone, &diary.tablet]).await;
        assert_same(plan, &[&diary.phone, &diary.tablet]);
        let all = notes(&diary.tablet, plan);
        assert!(all.len() >= unsent - 1, "{all:?}");
        assert_settled(&diary.phone);
    }
}
