//! Secrets in stores: state of earlier programs is read by today's, and the other way round.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::form::forms;
use crate::moment::Moment;
use crate::place::Place;
use crate::programs::{Programs, variable};
use crate::recording::{Recording, written};

pub const TODAY: &str = "today";

/// Today's programs read and go on from what is recorded of earlier programs.
async fn today_reads_the_recorded_state(kind: &str) {
    for moment in Moment::ALL {
        let recordings = Recording::all(&format!("{kind}/{}", moment.name()));
        assert!(!recordings.is_empty(), "nothing is recorded for {kind} {moment:?}");
        for recording in recordings {
            let Some(place) = Place::new(kind, moment).await else { return };
            place.restore(&recording).await;
            place.go_on(&Programs::today()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn today_reads_recorded_files() {
    today_reads_the_recorded_state("file").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn today_reads_recorded_kv() {
    today_reads_the_recorded_state("kv").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn today_reads_recorded_versions_of_secrets_manager() {
    today_reads_the_recorded_state("aws").await;
}

/// Compares the form of what today's programs write with the recorded form, which earlier programs were seen to read.
pub fn assert_form(name: &str, entries: &BTreeMap<String, String>) {
    let text = fs::read_to_string(written()).unwrap_or_else(|_| "{}".to_owned());
    let mut recorded: Value = serde_json::from_str(&text).expect("JSON");
    let form = forms(entries);
    if variable("UPDATE_UPGRADES").is_some() {
        recorded[name] = form;
        fs::write(written(), serde_json::to_string_pretty(&recorded).expect("JSON") + "\n").expect("it is written");
        return;
    }
    assert_eq!(
        recorded[name], form,
        "{name}: the form of the stored state changed. Run `make upgrades FROM=COMMIT` from the commits in tests/upgrades/recorded, \
         describe the change in docs/upgrading.md, then run `UPDATE_UPGRADES=1 cargo test --test upgrades` to record the new form"
    );
}

async fn today_writes_the_recorded_form(kind: &str) {
    for moment in Moment::ALL {
        let Some(place) = Place::new(kind, moment).await else { return };
        let state = place.prepare(&Programs::today(), TODAY).await;
        assert_form(&format!("{kind}/{}", moment.name()), &state.entries);
    }
}

/// In one test, because an update writes one file.
#[tokio::test(flavor = "multi_thread")]
async fn today_writes_the_form_that_earlier_programs_read() {
    for kind in ["file", "kv", "aws"] {
        today_writes_the_recorded_form(kind).await;
    }
    crate::engine::today_writes_the_recorded_form().await;
    let place = Place::new("file", Moment::Promoted).await.expect("files need no server");
    place.prepare(&Programs::today(), TODAY).await;
    assert_form("run-state", &place.run_state(&Programs::today()).await);
}

/// `make upgrades`: earlier programs write, today's go on; then the earlier ones again.
async fn upgrade(kind: &str, commit: &str, moment: Moment) {
    let Some(place) = Place::new(kind, moment).await else { return };
    let state = place.prepare(&Programs::earlier(), commit).await;
    if variable("RECORD").is_some() {
        state.store(&format!("{kind}/{}", moment.name()));
    }
    place.go_on(&Programs::today()).await;
    place.go_on(&Programs::earlier()).await;
}

/// `make upgrades`: today's programs write, and the earlier ones go on or refuse; then today's again.
async fn roll_back(kind: &str, moment: Moment) {
    let Some(place) = Place::new(kind, moment).await else { return };
    place.prepare(&Programs::today(), TODAY).await;
    place.go_on_or_refuse(&Programs::earlier()).await;
    place.go_on(&Programs::today()).await;
}

macro_rules! rehearsals {
    ($($moment:ident: $variant:ident,)*) => {
        $(mod $moment {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs earlier programs: make upgrades"]
            async fn survives_an_upgrade() {
                let commit = variable("UPGRADE_FROM").expect("the commit");
                for kind in ["file", "kv", "aws"] {
                    upgrade(kind, &commit, Moment::$variant).await;
                }
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs earlier programs: make upgrades"]
            async fn survives_a_rollback() {
                // An interrupted rotation may hold its lease for 45 s.
                let kinds = ["file", "kv", "aws"].map(|kind| roll_back(kind, Moment::$variant));
                futures_util::future::join_all(kinds).await;
            }
        })*
    };
}

rehearsals! {
    promoted: Promoted,
    pending: Pending,
    alternating: Alternating,
    answer_lost: AnswerLost,
    secret_written: SecretWritten,
}
