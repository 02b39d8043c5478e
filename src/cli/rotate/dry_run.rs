//! `--dry-run`: the decision for each secret, without a rotation.

use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::decide::Decision;
use super::one::Rotating;
use crate::cli::exit::{ErrorJson, Exit};
use crate::cli::target::choice::{Choice, Unlisted};
use crate::cli::target::source::Chosen;
use crate::cli::terminal::human_time::from_now;
use crate::cli::terminal::output::Format;
use crate::rotation::{Clock, Deadline, RotationError};

#[derive(Serialize)]
struct PlanJson<'a> {
    secret: &'a str,
    /// `rotate`, `skip` or `fail`.
    would: &'static str,
    why: Option<String>,
    error: Option<ErrorJson>,
}

/// Reads each secret and prints what a rotation would do with it.
pub(super) async fn run(choice: Choice, rotating: &Rotating<'_>) -> Exit {
    let decide = |chosen: Chosen| async move {
        let deadline = Deadline::after(rotating.arguments.timeout);
        let (mut decision, found) = rotating.decide(&chosen, deadline).await;
        if matches!(decision, Decision::Rotate | Decision::RotateFirst)
            && let Err(error) = rotating.look(&chosen.secret, deadline).await
        {
            decision = Decision::Fail(error);
        }
        let issued_at = found.and_then(Result::ok).flatten().and_then(|previous| previous.issued_at());
        let age = issued_at.map(|issued_at| from_now(issued_at, rotating.session.clock.now()));
        (chosen, decision, age)
    };
    let concurrency = rotating.arguments.concurrency.into();
    let mut plans = std::pin::pin!(stream::iter(choice.secrets).map(decide).buffered(concurrency));
    let (mut exit, mut rotated, mut skipped, mut failed) = (Exit::Done, 0, 0, 0);
    for Unlisted { name, error } in &choice.unlisted {
        exit = show(name, "fail", None, Some(error), rotating);
        failed += 1;
    }
    while let Some((chosen, decision, age)) = plans.next().await {
        let (would, why, error) = match decision {
            Decision::Rotate => ("rotate", Some(how(&chosen, rotating, age)), None),
            Decision::RotateFirst => {
                ("rotate", Some(format!("{}, for the first time, after a check", how(&chosen, rotating, age))), None)
            }
            Decision::Skip(reason) => ("skip", Some(reason.sentence()), None),
            Decision::Fail(error) => ("fail", None, Some(error)),
        };
        let count = match would {
            "rotate" => &mut rotated,
            "skip" => &mut skipped,
            _ => &mut failed,
        };
        *count += 1;
        exit = exit.and(show(&chosen.secret.typed, would, why, error.as_ref(), rotating));
    }
    if rotating.session.output.format == Format::Text && rotated + skipped + failed > 1 {
        let line = format!("{rotated} would be rotated, {skipped} skipped, {failed} unknown; nothing was done");
        rotating.session.output.result(line);
    }
    exit
}

fn how(chosen: &Chosen, rotating: &Rotating<'_>, age: Option<String>) -> String {
    let by = if rotating.is_driven_here(&chosen.secret) { "in this process" } else { "by its function" };
    age.map_or_else(|| by.to_owned(), |age| format!("{by}; its token was issued {age}"))
}

fn show(
    secret: &str,
    would: &'static str,
    why: Option<String>,
    error: Option<&RotationError>,
    rotating: &Rotating<'_>,
) -> Exit {
    let output = &rotating.session.output;
    match output.format {
        Format::Json => output.json(&PlanJson { secret, would, why, error: error.map(ErrorJson::from) }),
        Format::Text => {
            let why = why.map_or_else(String::new, |why| format!("  {why}"));
            output.result(format_args!("{would:<6}  {secret}{why}"));
        }
    }
    let Some(error) = error else { return Exit::Done };
    output.error(&format!("{secret}: {}", error.chain()), error.hint());
    Exit::Failed
}
