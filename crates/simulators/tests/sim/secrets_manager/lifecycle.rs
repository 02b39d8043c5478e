//! Deleting and restoring, tags, and lists.

use std::time::Duration;

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};
use jiff::Timestamp;

use super::{Simulator, code, id, refused};

/// One day.
const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_secret_marked_for_deletion_can_be_described_and_restored_but_not_read() {
    let simulator = Simulator::start().await.with_secret().await;
    let deleted = simulator.client.delete_secret().secret_id("s").send().await.expect("it is marked");
    let window = deleted.deletion_date().expect("a date").secs() - Timestamp::now().as_second();
    assert!((29 * 86_400..=30 * 86_400).contains(&window), "{window} s");
    let marked = "You can't perform this operation on the secret because it was marked for deletion.";
    let read = refused(simulator.client.get_secret_value().secret_id("s").send().await);
    assert_eq!(read, ("InvalidRequestException".into(), marked.to_owned()));
    let put = simulator.client.put_secret_value().secret_id("s").secret_string("x").send().await;
    assert_eq!(code(put), "InvalidRequestException");
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    assert!(described.deleted_date().is_some());
    assert_eq!(simulator.client.list_secrets().send().await.expect("a list").secret_list().len(), 0);
    simulator.client.restore_secret().secret_id("s").send().await.expect("it is restored");
    simulator.client.get_secret_value().secret_id("s").send().await.expect("it can be read");
}

#[tokio::test]
async fn a_marked_secret_is_deleted_after_the_recovery_window() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.client.delete_secret().secret_id("s").recovery_window_in_days(7).send().await.expect("it is marked");
    let again = simulator.client.create_secret().name("s").send().await;
    assert_eq!(code(again), "InvalidRequestException");
    simulator.service.advance(DAY * 7);
    let described = simulator.client.describe_secret().secret_id("s").send().await;
    assert_eq!(code(described), "ResourceNotFoundException");
}

#[tokio::test]
async fn force_deletes_at_once_and_succeeds_without_a_secret() {
    let simulator = Simulator::start().await.with_secret().await;
    let force = || simulator.client.delete_secret().secret_id("s").force_delete_without_recovery(true);
    assert_eq!(code(force().recovery_window_in_days(7).send().await), "InvalidParameterException");
    force().send().await.expect("it is gone");
    force().send().await.expect("it was already deleted");
    simulator.client.create_secret().name("s").send().await.expect("the name is free");
}

#[tokio::test]
async fn recovery_windows_are_7_to_30_days() {
    let simulator = Simulator::start().await.with_secret().await;
    for days in [6, 31] {
        let deleted = simulator.client.delete_secret().secret_id("s").recovery_window_in_days(days).send().await;
        assert_eq!(code(deleted), "InvalidParameterException");
    }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

#[tokio::test]
async fn tags_are_replaced_and_removed_by_key() {
    let simulator = Simulator::start().await.with_secret().await;
    let add = |tag| simulator.client.tag_resource().secret_id("s").tags(tag).send();
    for tag in [tag("team", "a"), tag("stage", "prod"), tag("team", "b")] {
        add(tag).await.expect("it is tagged");
    }
    let tags =
        || async { simulator.client.describe_secret().secret_id("s").send().await.expect("it exists").tags().to_vec() };
    assert_eq!(tags().await, [tag("team", "b"), tag("stage", "prod")]);
    simulator.client.untag_resource().secret_id("s").tag_keys("team").send().await.expect("it is untagged");
    assert_eq!(tags().await, [tag("stage", "prod")]);
    simulator.client.untag_resource().secret_id("s").tag_keys("stage").send().await.expect("it is untagged");
    let described = simulator.client.describe_secret().secret_id("s").send().await.expect("it exists");
    assert_eq!(described.tags, Some(Vec::new()), "the empty list stays");
    assert_eq!(code(add(tag("aws:mine", "x")).await), "InvalidParameterException");
}

async fn four_secrets() -> Simulator {
    let simulator = Simulator::start().await;
    for (name, team) in [("prod/a", "red"), ("prod/b", "blue"), ("Prod/c", "red"), ("test/d", "red")] {
        let create = simulator.client.create_secret().name(name).description(format!("Of {team}"));
        create.tags(tag(team, "yes")).secret_string("x").send().await.expect("new");
    }
    simulator
}

async fn names(simulator: &Simulator, key: FilterNameStringType, value: &str) -> Vec<String> {
    let filter = Filter::builder().key(key).values(value).build();
    let listed = simulator.client.list_secrets().filters(filter).send().await.expect("a list");
    listed.secret_list().iter().filter_map(|secret| secret.name()).map(str::to_owned).collect()
}

#[tokio::test]
async fn filters_are_prefixes_and_some_are_case_sensitive() {
    let simulator = four_secrets().await;
    assert_eq!(names(&simulator, FilterNameStringType::Name, "prod/").await, ["prod/a", "prod/b"]);
    assert_eq!(names(&simulator, FilterNameStringType::Name, "!prod/").await, ["Prod/c", "test/d"]);
    assert_eq!(names(&simulator, FilterNameStringType::TagKey, "blue").await, ["prod/b"]);
    assert_eq!(names(&simulator, FilterNameStringType::All, "PROD/").await, ["prod/a", "prod/b", "Prod/c"]);
    assert_eq!(names(&simulator, FilterNameStringType::Description, "of blue").await, ["prod/b"]);
}

#[tokio::test]
async fn descriptions_and_all_attributes_are_compared_by_words() {
    let simulator = Simulator::start().await;
    for (name, description) in [("one", "a secret"), ("two", "An secret"), ("three", "asecret"), ("four", "thesecret")]
    {
        let create = simulator.client.create_secret().name(name).description(description).secret_string("x");
        create.send().await.expect("new");
    }
    for (value, found) in [
        ("a", &["one", "two", "three"][..]),
        ("!a", &["four"]),
        ("a secret", &["one", "two"]),
        ("SECRET A", &["one", "two"]),
        ("!c", &["one", "two", "three", "four"]),
    ] {
        assert_eq!(names(&simulator, FilterNameStringType::Description, value).await, found, "{value}");
    }
    assert_eq!(names(&simulator, FilterNameStringType::All, "secret ONE").await, ["one"]);
    let filter = || Filter::builder().key(FilterNameStringType::Name).values("one").build();
    let many = |count: usize| simulator.client.list_secrets().set_filters(Some(vec![filter(); count])).send();
    assert_eq!(many(10).await.expect("a list").secret_list().len(), 1);
    assert_eq!(code(many(11).await), "ValidationException");
}

#[tokio::test]
async fn lists_may_lag() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.service.set(|settings| settings.list_lag = Duration::from_secs(300));
    let names = || async {
        let listed = simulator.client.list_secrets().send().await.expect("a list");
        listed.secret_list().iter().filter_map(|secret| secret.name()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["s"]);
    simulator.client.create_secret().name("t").secret_string("x").send().await.expect("new");
    assert_eq!(names().await, ["s"]);
    simulator.service.advance(Duration::from_secs(300));
    assert_eq!(names().await, ["s", "t"]);
}

#[tokio::test]
async fn lists_are_paged() {
    let simulator = four_secrets().await;
    let mut pages = simulator.client.list_secrets().into_paginator().page_size(3).send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page.expect("a page").secret_list().len());
    }
    assert_eq!(sizes, [3, 1]);
    let made_up = simulator.client.list_secrets().next_token("made up").send().await;
    assert_eq!(code(made_up), "InvalidNextTokenException");
    assert_eq!(code(simulator.client.list_secrets().max_results(101).send().await), "ValidationException");
}

#[tokio::test]
async fn deprecated_versions_are_listed_on_request() {
    let simulator = Simulator::start().await.with_secret().await;
    simulator.put(2, "two", &[]).await;
    simulator.put(3, "three", &[]).await;
    let list = || simulator.client.list_secret_version_ids().secret_id("s");
    assert_eq!(list().send().await.expect("a list").versions().len(), 2);
    let all = list().include_deprecated(true).send().await.expect("a list");
    assert_eq!(all.versions()[0].version_id(), Some(id(1).as_str()));
    assert_eq!(all.versions()[0].version_stages(), [""; 0]);
}

#[tokio::test]
async fn the_last_access_is_a_day() {
    let simulator = Simulator::start().await.with_secret().await;
    let describe = || simulator.client.describe_secret().secret_id("s").send();
    assert_eq!(describe().await.expect("it exists").last_accessed_date(), None);
    simulator.client.get_secret_value().secret_id("s").send().await.expect("it is read");
    let accessed = *describe().await.expect("it exists").last_accessed_date().expect("a date");
    assert_eq!(accessed.secs() % 86_400, 0);
}
