//! The ephemeral resource of `infra/pipelines/terraform/ephemeral` with the program that `TERRAFORM` names, and the simulators.

use std::process::Command;

use super::aws_world::{SECRET_VALUE, World, documents};
use super::stack::{repository, stack};

/// A provider for the simulator, and a resource that calls the API with the token in each run.
fn surroundings(world: &World) -> String {
    let (secrets_manager, genesys) = (world.simulation.secrets_manager_url(), world.simulation.genesys_url());
    format!(
        r#"
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}
provider "aws" {{
  region                      = "us-east-1"
  access_key                  = "AKIDREADER"
  secret_key                  = "key"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  endpoints {{ secretsmanager = "{secrets_manager}" }}
}}
resource "terraform_data" "call" {{
  triggers_replace = timestamp()
  provisioner "local-exec" {{
    command     = "echo \"Authorization: Bearer $TOKEN\" | curl -fsS --noproxy '*' -H @- {genesys}/api/v2/tokens/me >/dev/null"
    environment = {{ TOKEN = local.genesys.access_token }}
  }}
}}
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "the caller names the program")]
async fn each_run_of_terraform_reads_the_token_and_stores_no_value() {
    let (Some(terraform), Some(stack)) = (std::env::var_os("TERRAFORM"), stack(&[])) else { return };
    let (world, name) = (World::start(&stack).await, "genesys/prod");
    world.create(name, &documents()[0].1).await;
    let example = repository("infra/pipelines/terraform/ephemeral/main.tf");
    let example = std::fs::read_to_string(example).expect("the example");
    let begin = example.find("ephemeral \"").expect("an ephemeral resource");
    let end = example.find("provider \"genesyscloud\"").expect("the provider that uses it");
    let place = tempfile::tempdir().expect("a directory");
    let text = format!("{}{}", &example[begin..end], surroundings(&world));
    std::fs::write(place.path().join("main.tf"), text).expect("a file");
    let run = async |arguments: &[&str]| {
        let mut command = Command::new(&terraform);
        command.args(arguments).current_dir(&place).env("AWS_EC2_METADATA_DISABLED", "true");
        let done = tokio::task::spawn_blocking(move || command.output()).await.expect("the task completes");
        super::stdout(&done.expect("it runs"));
    };
    run(&["init"]).await;
    for _ in 0..2 {
        // Only the newest token works.
        world.simulation.genesys.revoke_all();
        assert!(world.rotate(name, true).await);
        run(&["apply", "-auto-approve"]).await;
        let state = std::fs::read_to_string(place.path().join("terraform.tfstate")).expect("a state");
        let values = world.simulation.genesys.live_tokens().into_iter().chain([SECRET_VALUE.to_owned()]);
        assert!(values.into_iter().all(|value| !state.contains(&value)), "{state}");
    }
}
