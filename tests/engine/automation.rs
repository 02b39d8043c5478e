//! Automated rotation: of client secrets and access keys by a period or a schedule, and of static roles by a schedule.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};

use crate::hosted::{Hosted, until};
use crate::static_nodes::{STANDBY, pass};
use openbao_plugin::testing::Moment;

const CONFIG: &str = "config/main";
const RECORD: &str = "root-automation/main";
/// The storage calls of a rotation, and some of those after it.
const MOST_CALLS: usize = 24;

impl Hosted {
    fn record(&self) -> Value {
        serde_json::from_str(&self.storage.text(RECORD).unwrap_or_default()).unwrap_or_default()
    }

    /// Lets the period of `main` pass, and the wait after a failure.
    async fn age_record(&self) {
        let mut record = self.record();
        record["since"] = json!("2020-01-01T00:00:00Z");
        record.as_object_mut().expect("an object").remove("last_error");
        self.store(RECORD, &record.to_string()).await;
    }

    async fn rotated_by_itself(&self) {
        let former = self.record()["last_rotation"].clone();
        self.age_record().await;
        self.tick().await;
        until("the secret is rotated", || self.record()["last_rotation"] != former).await;
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the engine's process has the real clock")]
async fn a_config_with_a_period_is_rotated_without_a_request() {
    for hosted in [Hosted::with_two_clients().await, Hosted::with_access_key().await] {
        hosted.write(CONFIG, json!({"rotation_period": "30d"})).await;
        let shown = hosted.read(CONFIG).await;
        assert_eq!((&shown["rotation_period"], &shown["accept_gap"]), (&json!(2_592_000), &json!(false)));
        assert_eq!((&shown["last_vault_rotation"], &shown["last_error"]), (&Value::Null, &Value::Null));
        let next: Timestamp = shown["next_rotation"].as_str().unwrap().parse().unwrap();
        let days = next.duration_since(Timestamp::now()).as_secs() / 86_400;
        assert!((14..30).contains(&days), "the first rotation is up to half a period early: {next}");
        let credentials = hosted.storage.text(CONFIG);
        pass(&hosted).await;
        assert_eq!(hosted.storage.text(CONFIG), credentials, "it is not due yet");
        hosted.rotated_by_itself().await;
        assert_ne!(hosted.storage.text(CONFIG), credentials);
        assert!(hosted.are_stored_credentials_valid());
        let shown = hosted.read(CONFIG).await;
        assert!(shown["last_vault_rotation"].is_string() && shown["next_rotation"].as_str() > Some("2026"), "{shown}");
        hosted.assert_no_secrets_logged();
    }
}

#[tokio::test]
async fn the_only_secret_of_a_client_is_rotated_by_itself_only_with_accept_gap() {
    let hosted = Hosted::start().await;
    let said = hosted.rejected("write", CONFIG, json!({"rotation_schedule": "30 2 * * 1"})).await;
    assert!(said.contains("accept_gap"), "{said}");
    assert_eq!(hosted.storage.keys(), [CONFIG]);
    hosted.write(CONFIG, json!({"rotation_schedule": "30 2 * * 1", "rotation_window": "2h", "accept_gap": true})).await;
    let shown = hosted.read(CONFIG).await;
    assert_eq!((&shown["rotation_schedule"], &shown["rotation_window"]), (&json!("30 2 * * 1"), &json!(7_200)));
    assert!(shown["next_rotation"].as_str().unwrap().ends_with("T02:30:00Z"), "{shown}");
    hosted.write(CONFIG, json!({"rotation_window": 0})).await;
    hosted.rotated_by_itself().await;
    let said = hosted.rejected("write", CONFIG, json!({"accept_gap": false})).await;
    assert!(said.contains("accept_gap"), "{said}");
    hosted.write(CONFIG, json!({"accept_gap": false, "rotation_schedule": ""})).await;
    assert!(hosted.storage.text(RECORD).is_none());
    assert!(hosted.read(CONFIG).await.get("next_rotation").is_none());
}

#[tokio::test]
async fn invalid_plans_are_rejected_and_nothing_is_stored() {
    let hosted = Hosted::with_two_clients().await;
    let both = json!({"rotation_period": 3_600, "rotation_schedule": "0 * * * *"});
    for (plan, says) in [
        (both, "exclude each other"),
        (json!({"rotation_period": 59}), "at least 60 s"),
        (json!({"rotation_window": "2h"}), "rotation_window requires rotation_schedule"),
        (json!({"rotation_schedule": "0 * * * *", "rotation_window": "59m"}), "at least 3600 s"),
        (json!({"rotation_schedule": "every day"}), "rotation_schedule is not valid"),
        (json!({"rotation_schedule": "0 0 31 2 *"}), "rotation_schedule is not valid"),
        (json!({"rotation_schedule": "0 0 0 1 1 * 2030"}), "rotation_schedule is not valid"),
    ] {
        for path in [CONFIG, "static-roles/ci"] {
            let before = hosted.storage.text(path);
            let said = hosted.rejected("write", path, plan.clone()).await;
            assert!(said.contains(says), "{path} {plan}: {said}");
            assert_eq!(hosted.storage.text(path), before);
        }
    }
    assert!(hosted.storage.text(RECORD).is_none());
    let older = json!({
        "platform": "nice-cxone", "realm": "us-22", "client_id": "an-id", "client_secret": "hush-older",
        "verify_connection": false, "rotation_period": "1d",
    });
    let said = hosted.rejected("write", "config/older", older).await;
    assert!(said.contains("older application"), "{said}");
}

#[tokio::test]
async fn a_failed_rotation_is_shown_and_retried_after_a_wait() {
    let hosted = Hosted::with_two_clients().await;
    hosted.write(CONFIG, json!({"rotation_period": "30d"})).await;
    let body = json!({"status": 403, "code": "missing.permissions", "message": "no"}).to_string();
    let denied = FaultAnswer::new(reqwest::StatusCode::FORBIDDEN, "application/json", body);
    hosted.simulation.faults.add(Fault::always("POST /api/v2/oauth/clients/{id}/secret", Effect::Answer(denied)));
    hosted.age_record().await;
    hosted.tick().await;
    until("the rotation has failed", || hosted.record()["last_error"].is_object()).await;
    let shown = hosted.read(CONFIG).await;
    assert_eq!(
        (&shown["last_error"]["type"], &shown["last_error"]["failures"]),
        (&json!("PermissionMissing"), &json!(1))
    );
    let calls = hosted.simulation.journal.calls().len();
    pass(&hosted).await;
    assert_eq!(hosted.simulation.journal.calls().len(), calls, "the next attempt is 10 s later");
    hosted.simulation.faults.clear();
    hosted.call("write", "rotate-root/main", json!({})).await.expect("a request does not wait");
    assert_eq!(hosted.read(CONFIG).await["last_error"], Value::Null);
    assert!(hosted.are_stored_credentials_valid());
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the engine's process has the real clock")]
async fn after_a_missed_window_the_next_one_counts() {
    let hosted = Hosted::with_two_clients().await;
    let credentials = hosted.storage.text(CONFIG);
    let daily = |hours_ago: i64| {
        let date = Timestamp::now() - SignedDuration::from_mins(60 * hours_ago + 30);
        json!({"rotation_schedule": date.strftime("%M %H * * *").to_string(), "rotation_window": "1h"})
    };
    hosted.write(CONFIG, daily(2)).await;
    hosted.age_record().await;
    pass(&hosted).await;
    pass(&hosted).await;
    assert_eq!(hosted.storage.text(CONFIG), credentials, "the window of today has passed");
    let next: Timestamp = hosted.read(CONFIG).await["next_rotation"].as_str().unwrap().parse().unwrap();
    assert_eq!(next.duration_since(Timestamp::now()).as_hours(), 21);
    hosted.write(CONFIG, daily(0)).await;
    hosted.age_record().await;
    hosted.tick().await;
    until("the secret is rotated", || hosted.storage.text(CONFIG) != credentials).await;
}

#[tokio::test]
async fn a_plan_keeps_the_fields_that_a_request_does_not_change() {
    let hosted = Hosted::with_two_clients().await;
    for path in [CONFIG, "static-roles/ci"] {
        hosted.write(path, json!({"rotation_schedule": "0 2 * * *", "rotation_window": "2h"})).await;
        hosted.write(path, json!({"rotation_schedule": "0 3 * * *"})).await;
        let shown = hosted.read(path).await;
        assert_eq!((&shown["rotation_schedule"], &shown["rotation_window"]), (&json!("0 3 * * *"), &json!(7_200)));
        hosted.write(path, json!({"rotation_period": "1h"})).await;
        assert!(hosted.read(path).await.get("rotation_window").is_none(), "{path}");
    }
    let hosted = Hosted::with_two_clients().await;
    hosted.write(CONFIG, json!({"disable_automated_rotation": true})).await;
    hosted.write(CONFIG, json!({"rotation_period": "1h"})).await;
    let shown = hosted.read(CONFIG).await;
    assert_eq!((&shown["disable_automated_rotation"], &shown["next_rotation"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn disabled_automation_and_standbys_rotate_nothing() {
    let hosted = Hosted::with_two_clients().await;
    hosted.write(CONFIG, json!({"rotation_period": "30d"})).await;
    hosted.write(CONFIG, json!({"disable_automated_rotation": true})).await;
    hosted.write("static-roles/ci", json!({"disable_automated_rotation": true})).await;
    assert_eq!(hosted.read(CONFIG).await["next_rotation"], Value::Null);
    assert_eq!(hosted.read("static-roles/ci").await["next_rotation"], Value::Null);
    let (credentials, token) = (hosted.storage.text(CONFIG), hosted.token().await);
    hosted.age_record().await;
    hosted.age().await;
    pass(&hosted).await;
    pass(&hosted).await;
    assert_eq!((hosted.storage.text(CONFIG), hosted.token().await), (credentials.clone(), token));
    hosted.write("rotate-role/ci", json!({})).await;
    hosted.system.set_replication_state(STANDBY);
    hosted.storage.set(RECORD, &hosted.record().to_string().replace(r#""disable_automated_rotation":true,"#, ""));
    hosted.invalidate(RECORD).await;
    pass(&hosted).await;
    pass(&hosted).await;
    assert_eq!(hosted.storage.text(CONFIG), credentials);
}

#[tokio::test]
async fn a_new_config_does_not_inherit_the_plan_of_a_deleted_one() {
    let hosted = Hosted::start().await;
    hosted.write(CONFIG, json!({"rotation_period": "30d", "accept_gap": true})).await;
    let record = hosted.storage.text(RECORD).unwrap();
    hosted.call("delete", CONFIG, Value::Null).await.unwrap();
    assert_eq!(hosted.storage.keys(), [""; 0]);
    // A crash during the deletion leaves it.
    hosted.store(RECORD, &record).await;
    hosted.write(CONFIG, crate::scene::config()).await;
    assert_eq!(hosted.storage.keys(), [CONFIG]);
    hosted.call("delete", CONFIG, Value::Null).await.unwrap();
    hosted.store(RECORD, &record).await;
    hosted.age_record().await;
    hosted.tick().await;
    until("the entry is deleted", || hosted.storage.text(RECORD).is_none()).await;
}

#[tokio::test]
async fn a_static_role_with_a_schedule_is_rotated_at_its_dates() {
    let hosted = Hosted::with_role().await;
    hosted.simulation.genesys.set(|settings| settings.token_lifetime = 864_000);
    let role = json!({"config": "main", "rotation_schedule": "30 2 * * *", "rotation_window": "3h"});
    hosted.write("static-roles/daily", role).await;
    let shown = hosted.read("static-roles/daily").await;
    assert!(shown["next_rotation"].as_str().unwrap().ends_with("T02:30:00Z"), "{shown}");
    assert!(shown.get("rotation_period").is_none(), "{shown}");
    let read = hosted.read("static-creds/daily").await;
    assert_eq!((&read["rotation_schedule"], &read["rotation_window"]), (&json!("30 2 * * *"), &json!(10_800)));
    assert!(read["rotation_period"].as_u64() <= Some(86_400) && read["ttl"].as_u64() <= Some(86_400), "{read}");
    let answer = hosted.write("static-roles/daily", json!({"rotation_period": "1h"})).await;
    assert_eq!(answer.warnings, [""; 0]);
    let shown = hosted.read("static-roles/daily").await;
    assert!(shown["rotation_period"] == 3_600 && shown.get("rotation_schedule").is_none(), "{shown}");
}

/// `SCHEDULED_ROTATIONS=100` for a long run.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the caller sets the variable")]
async fn scheduled_rotations_across_kills_leave_no_dead_credentials() {
    let rotations = std::env::var("SCHEDULED_ROTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let hosted = Hosted::with_two_clients().await;
    hosted.write(CONFIG, json!({"rotation_period": "30d"})).await;
    for rotation in 0..rotations {
        let former = hosted.record()["last_rotation"].clone();
        hosted.age_record().await;
        let moment = if rotation % 2 == 0 { Moment::Before } else { Moment::After };
        hosted.kill_at((rotation * 7) % MOST_CALLS, moment);
        let mut is_kill_pending = true;
        hosted.tick().await;
        loop {
            let ended = || hosted.has_been_killed() || hosted.record()["last_rotation"] != former;
            let waits = || hosted.record()["last_error"].is_object();
            until("the rotation ends", || ended() || waits()).await;
            if std::mem::take(&mut is_kill_pending) && !hosted.storage.cancel() {
                until("the process is killed", || hosted.has_been_killed()).await;
            }
            assert!(hosted.are_stored_credentials_valid(), "after {rotation} rotations");
            if hosted.has_been_killed() {
                // The next active node.
                hosted.restart().await;
                hosted.end_lease().await;
            } else if waits() {
                hosted.end_lease().await;
                hosted.age_record().await;
                hosted.tick().await;
            } else {
                break;
            }
        }
        assert!(hosted.is_token_valid().await, "readers keep a valid token");
    }
    hosted.assert_no_secrets_logged();
}
