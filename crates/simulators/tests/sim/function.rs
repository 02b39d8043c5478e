//! The function runner, with a small function that speaks the Runtime API over HTTP.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use simulators::function::{Function, FunctionSettings};
use simulators::invoke::{FunctionError, Invoke};

/// A timeout that no test reaches.
const PLENTY: Duration = Duration::from_secs(60);

async fn start_with(environment: &[(&str, &str)], settings: FunctionSettings) -> Function {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/function.py");
    let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let settings = FunctionSettings { timeout: PLENTY, init_timeout: PLENTY, ..settings };
    Function::start(path, pairs, settings).await.expect("python3 starts")
}

async fn start() -> Function {
    start_with(&[], FunctionSettings::default()).await
}

async fn invoke(function: &Function, event: Value) -> Result<Value, FunctionError> {
    function.invoke(event, PLENTY).await
}

#[tokio::test]
async fn an_invocation_returns_the_functions_answer() {
    let function = start().await;
    let event = json!({ "Step": "createSecret", "nested": [1, null, "ü"] });
    assert_eq!(invoke(&function, event.clone()).await, Ok(event));
}

#[tokio::test]
async fn sequential_invocations_share_a_process() {
    let function = start().await;
    let first = invoke(&function, json!({ "do": "pid" })).await.expect("it answers");
    let second = invoke(&function, json!({ "do": "pid" })).await.expect("it answers");
    assert_eq!(first, second);
    assert_eq!(function.processes(), 1);
}

#[tokio::test]
async fn concurrent_invocations_run_in_separate_processes() {
    let function = start().await;
    let place = tempfile::tempdir().expect("a directory");
    let event = json!({ "do": "meet", "at": place.path(), "parties": 3 });
    let answers =
        tokio::join!(invoke(&function, event.clone()), invoke(&function, event.clone()), invoke(&function, event));
    assert!(answers.0.is_ok() && answers.1.is_ok() && answers.2.is_ok(), "{answers:?}");
    assert_eq!(function.processes(), 3);
}

#[tokio::test]
async fn a_concurrency_of_one_makes_the_second_invocation_wait() {
    let function = start_with(&[], FunctionSettings { concurrency: 1, ..FunctionSettings::default() }).await;
    let event = json!({ "do": "pid" });
    let (one, other) = tokio::join!(invoke(&function, event.clone()), invoke(&function, event));
    assert_eq!(one.expect("it answers"), other.expect("it answers"));
    assert_eq!(function.processes(), 1);
}

#[tokio::test]
async fn the_environment_has_only_lambdas_and_the_callers_variables() {
    let function = start_with(&[("ROTATOR_API_URL", "http://127.0.0.1:1")], FunctionSettings::default()).await;
    let environment = invoke(&function, json!({ "do": "environment" })).await.expect("it answers");
    assert_eq!(environment["ROTATOR_API_URL"], "http://127.0.0.1:1");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "rotation-function");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    assert_eq!(environment["AWS_REGION"], "us-east-1");
    for name in ["HOME", "CARGO_MANIFEST_DIR", "USER"] {
        assert_eq!(environment.get(name), None, "{name} leaked into the function");
    }
}

#[tokio::test]
async fn the_deadline_is_an_epoch_time_in_the_future() {
    let function = start().await;
    let times = invoke(&function, json!({ "do": "now" })).await.expect("it answers");
    let left = times["deadline"].as_i64().expect("a number") - times["ms"].as_i64().expect("a number");
    assert!((1..=60_000).contains(&left), "{left} ms left");
    let context = invoke(&function, json!({ "do": "context" })).await.expect("it answers");
    assert_eq!(
        context["lambda-runtime-invoked-function-arn"],
        "arn:aws:lambda:us-east-1:000000000000:function:rotation-function"
    );
    assert!(context["lambda-runtime-trace-id"].as_str().is_some_and(|id| id.starts_with("Root=1-")), "{context}");
}

#[tokio::test]
async fn a_function_error_keeps_its_type_and_the_process() {
    let function = start().await;
    let before = invoke(&function, json!({ "do": "pid" })).await;
    assert_eq!(invoke(&function, json!({ "do": "fail" })).await, Err(FunctionError::new("Sad", "it failed")));
    assert_eq!(invoke(&function, json!({ "do": "pid" })).await, before);
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_an_error() {
    let error = invoke(&start().await, json!({ "do": "garbage" })).await.expect_err("it fails");
    assert_eq!(error.error_type, "Runtime.InvalidResponse");
}

/// What the Runtime API answered to the function's last request that it refused.
async fn refused(function: &Function) -> Value {
    invoke(function, json!({ "do": "refused" })).await.expect("it answers")
}

#[tokio::test]
async fn an_answer_over_six_megabytes_is_refused_and_fails_the_invocation() {
    let function = start().await;
    let largest = 6_291_556;
    let answer = invoke(&function, json!({ "do": "large", "bytes": largest })).await.expect("it answers");
    assert_eq!(answer.as_str().map(str::len), Some(largest - 2));
    let error = invoke(&function, json!({ "do": "large", "bytes": largest + 1 })).await.expect_err("it is too large");
    assert_eq!(error.error_type, "Function.ResponseSizeTooLarge");
    let message = "Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes).";
    assert_eq!(error.message, message);
    let refused = refused(&function).await;
    let message = "Exceeded maximum allowed payload size (6291556 bytes).";
    let expected = json!({ "status": 413, "errorType": "RequestEntityTooLarge", "errorMessage": message });
    assert_eq!(refused, expected);
}

#[tokio::test]
async fn answers_that_the_runtimes_state_does_not_allow_are_refused() {
    let function = start().await;
    invoke(&function, json!({ "do": "twice" })).await.expect("it answers");
    let message = "State transition from RuntimeResponseSentState to InvocationResponse failed for runtime. Error: State \
                   transition is not allowed";
    let expected = json!({ "status": 403, "errorType": "InvalidStateTransition", "errorMessage": message });
    assert_eq!(refused(&function).await, expected);
    let late = invoke(&function, json!({ "do": "late init error" })).await.expect("it answers");
    assert_eq!((&late["status"], &late["errorType"]), (&403.into(), &"InvalidStateTransition".into()));
}

#[tokio::test]
async fn after_an_answer_with_another_id_the_runtime_accepts_no_further_one() {
    let function = start().await;
    let error = invoke(&function, json!({ "do": "wrong id" })).await.expect_err("its next request is refused");
    assert_eq!(error.error_type, "Runtime.ExitError");
}

#[tokio::test]
async fn an_exit_fails_the_invocation_and_the_next_starts_a_new_process() {
    let function = start().await;
    let before = invoke(&function, json!({ "do": "pid" })).await.expect("it answers");
    let error = invoke(&function, json!({ "do": "exit" })).await.expect_err("it died");
    assert_eq!(error.error_type, "Runtime.ExitError");
    assert!(error.message.ends_with("Runtime exited with error: exit status: 3"), "{}", error.message);
    let after = invoke(&function, json!({ "do": "pid" })).await.expect("it answers");
    assert_ne!(before, after);
}

#[tokio::test]
async fn a_process_is_killed_at_the_timeout() {
    let function = start().await;
    let before = invoke(&function, json!({ "do": "pid" })).await.expect("it answers");
    let error = function.invoke(json!({ "do": "hang" }), Duration::from_millis(250)).await.expect_err("it hangs");
    assert!(error.message.ends_with("Task timed out after 0.25 seconds"), "{}", error.message);
    let after = invoke(&function, json!({ "do": "pid" })).await.expect("it answers");
    assert_ne!(before, after);
    assert_eq!(function.processes(), 1);
}

#[tokio::test]
async fn kill_fails_the_running_invocation() {
    let function = start().await;
    let place = tempfile::tempdir().expect("a directory");
    let event = json!({ "do": "meet", "at": place.path(), "parties": 2 });
    let kill_once_it_is_there = async {
        while std::fs::read_dir(place.path()).expect("it exists").next().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        function.kill();
    };
    let (answer, ()) = tokio::join!(invoke(&function, event), kill_once_it_is_there);
    let error = answer.expect_err("it was killed");
    assert_eq!(error.error_type, "Runtime.ExitError");
    assert!(error.message.contains("SIGKILL"), "{}", error.message);
}

#[tokio::test]
async fn dropping_an_invocation_kills_its_process() {
    let function = start().await;
    let before = invoke(&function, json!({ "do": "pid" })).await.expect("it answers");
    let hanging = invoke(&function, json!({ "do": "hang" }));
    tokio::time::timeout(Duration::from_millis(50), hanging).await.expect_err("it hangs");
    let after = invoke(&function, json!({ "do": "pid" })).await.expect("it answers");
    assert_ne!(before, after);
}

#[tokio::test]
async fn an_init_error_fails_the_invocation() {
    let function = start_with(&[("FAIL_INIT", "1")], FunctionSettings::default()).await;
    let error = invoke(&function, json!({})).await.expect_err("it can't start");
    // If the first process exits before it gets the event, the second one reports the same error.
    assert_eq!(error, FunctionError::new("Sad.Start", "no start today"));
}

#[tokio::test]
async fn output_is_captured_line_by_line() {
    let function = start().await;
    invoke(&function, json!({ "do": "print", "text": "a line of the function" })).await.expect("it answers");
    while function.logs().iter().filter(|line| *line == "a line of the function").count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_missing_binary_cannot_be_started() {
    Function::start("/does/not/exist", Vec::new(), FunctionSettings::default())
        .await
        .expect_err("the file does not exist");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn processes_end_with_the_function() {
    let function = start().await;
    let pid = invoke(&function, json!({ "do": "pid" })).await.expect("it answers");
    let entry = Path::new("/proc").join(pid.to_string());
    assert!(entry.exists());
    drop(function);
    while entry.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
