use waymark_tests::story::{assert_same, assert_settled, log, meet, notes, settle, status};
use waymark_tests::{TestRelay, link_phone};

use super::support::{diary, oldest, publish_all};

/// A new phone would read years of a log, or find that it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_phone_starts_where_the_relay_still_has_everything() {
    let mut relay = TestRelay::start().await;
    let (mut phone, plan) = diary(&relay).await;
    publish_all(&mut phone).await;
    relay.pass(31).await;

    let mut second = link_phone(&phone).await;
    settle(&[&phone, &second]).await;
    assert!(oldest(&mut second, plan) > 9);
    assert_same(plan, &[&phone, &second]);
    assert_eq!(notes(&second, plan).len(), 9);
    assert_settled(&second);
    let shown = status(&second, plan);
    assert_eq!((shown.fetching, shown.unconfirmed), (0, false));
    let _ = (log, meet);
}
