//! A simulator of GitHub's runner for the workflow and the action: steps, variable files and masks ("Workflow syntax",
//! "Workflow commands", "Metadata syntax" of GitHub Docs).

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Map, Value};

use super::{Workplace, manifest, output, yaml};

const ACTION: &str = "your-org/genesys-rotator/infra/github-action@";
/// Actions that need the real GitHub and AWS, and are skipped.
const ONLY_ON_GITHUB: [&str; 2] = ["actions/checkout@", "aws-actions/configure-aws-credentials@"];

/// A running job.
pub struct Runner<'a> {
    workplace: &'a Workplace,
    /// The variables for later steps.
    pub environment: BTreeMap<String, String>,
    /// What the runner tells of its machine.
    pub machine: [(&'static str, &'static str); 2],
    /// All output.
    pub printed: String,
}

impl<'a> Runner<'a> {
    pub fn new(workplace: &'a Workplace) -> Self {
        let machine = [("RUNNER_OS", "Linux"), ("RUNNER_ARCH", "X64")];
        Self { workplace, environment: BTreeMap::new(), machine, printed: String::new() }
    }

    /// Runs the steps of a job until one fails. Returns whether all succeeded.
    pub async fn run(&mut self, job: &Value) -> bool {
        for step in job["steps"].as_array().expect("steps") {
            let done = match step["uses"].as_str() {
                Some(uses) if uses.starts_with(ACTION) => self.act(&step["with"]).await,
                Some(uses) => ONLY_ON_GITHUB.iter().any(|name| uses.starts_with(name)),
                None => self.step(step, &BTreeMap::new()).await.is_some(),
            };
            if !done {
                return false;
            }
        }
        true
    }

    /// Runs the steps of the action. Returns whether all succeeded.
    pub async fn act(&mut self, with: &Value) -> bool {
        let action = yaml("github-action/action.yml").expect("Python is available");
        let mut known =
            BTreeMap::from([("github.action_repository".to_owned(), "your-org/genesys-rotator".to_owned())]);
        for (name, input) in action["inputs"].as_object().expect("inputs") {
            let given = with[name].as_str().or(input["default"].as_str());
            assert!(given.is_some(), "the input {name} is required");
            known.insert(format!("inputs.{name}"), given.unwrap_or_default().to_owned());
        }
        for step in action["runs"]["steps"].as_array().expect("steps") {
            let Some(outputs) = self.step(step, &known).await else { return false };
            let id = step["id"].as_str().unwrap_or_default();
            known.extend(outputs.into_iter().map(|(name, value)| (format!("steps.{id}.outputs.{name}"), value)));
        }
        true
    }

    /// The log: all output, with masks applied.
    pub fn log(&self) -> String {
        let mut masks = Vec::new();
        let mut shown = String::new();
        for line in self.printed.lines() {
            match line.strip_prefix("::add-mask::") {
                Some(mask) => masks.push(mask),
                None => shown.push_str(&masks.iter().fold(format!("{line}\n"), |line, mask| line.replace(mask, "***"))),
            }
        }
        shown
    }

    /// Runs a script and returns its outputs; `None` if it failed.
    async fn step(&mut self, step: &Value, known: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
        let place = self.workplace.home.path();
        let file = |name: &str| place.join(name);
        let files = [("GITHUB_ENV", file("github-env")), ("GITHUB_OUTPUT", file("github-output"))];
        files.iter().for_each(|(_, path)| fs::write(path, "").expect("it is written"));
        fs::write(file("step"), step["run"].as_str().expect("a script")).expect("it is written");
        let flags = ["--noprofile", "--norc", "-eo", "pipefail"];
        let mut command = self.workplace.command("bash", &flags);
        command.arg(file("step")).envs(&self.environment).envs(files).env("RUNNER_TEMP", file("temp"));
        command.envs(self.machine);
        command.env("GITHUB_ACTION_PATH", manifest("infra/github-action"));
        command.envs(step["env"].as_object().unwrap_or(&Map::new()).iter().map(|(name, value)| {
            let value = value.as_str().expect("a text");
            let expression = value.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}"));
            (name, expression.map_or(value, |expression| known.get(expression).expect(expression)).to_owned())
        }));
        command.current_dir(place.join(step["working-directory"].as_str().unwrap_or_default()));
        let done = output(command).await;
        self.printed.push_str(&String::from_utf8_lossy(&done.stdout));
        self.printed.push_str(&String::from_utf8_lossy(&done.stderr));
        self.environment.extend(variables(&fs::read_to_string(file("github-env")).expect("it is there")));
        let outputs = variables(&fs::read_to_string(file("github-output")).expect("it is there"));
        done.status.success().then_some(outputs)
    }
}

/// Parses a variable file of the runner.
fn variables(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let (name, value) = match line.split_once("<<") {
            Some((name, end)) => {
                let value: Vec<_> = lines.by_ref().take_while(|line| *line != end).collect();
                (name, value.join("\n"))
            }
            None => line.split_once('=').map(|(name, value)| (name, value.to_owned())).expect("a variable"),
        };
        found.insert(name.to_owned(), value);
    }
    found
}
