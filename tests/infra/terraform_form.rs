//! Converts resources of the SAM template and of the Terraform module to a common form.

use serde_json::{Map, Value, json};

use super::stack::{list, texts};

/// The first nested block of a name.
fn block<'a>(resource: &'a Value, name: &str) -> &'a Value {
    &resource[name][0]
}

/// Treats an empty list as absent.
fn unless_empty(value: &Value) -> Value {
    if value.as_array().is_some_and(Vec::is_empty) { Value::Null } else { value.clone() }
}

fn sorted(value: &Value) -> Vec<String> {
    let mut texts: Vec<_> = texts(value).into_iter().map(str::to_owned).collect();
    texts.sort();
    texts
}

pub mod function {
    use super::*;

    pub fn of_template(function: &Value) -> Value {
        json!({
            "name": function["FunctionName"], "description": function["Description"], "handler": function["Handler"],
            "runtime": function["Runtime"], "architectures": function["Architectures"], "memory": function["MemorySize"],
            "timeout": function["Timeout"], "variables": function["Environment"]["Variables"],
            "log_group": function["LoggingConfig"]["LogGroup"], "subnets": function["VpcConfig"]["SubnetIds"],
            "reserved": function.get("ReservedConcurrentExecutions").unwrap_or(&json!(-1)),
            "security_groups": list(&function["VpcConfig"]["SecurityGroupIds"]).len(),
        })
    }

    pub fn of_module(function: &Value) -> Value {
        assert_eq!(function["source_code_hash"], "sha256 of function.zip");
        json!({
            "name": function["function_name"], "description": function["description"], "handler": function["handler"],
            "runtime": function["runtime"], "architectures": function["architectures"], "memory": function["memory_size"],
            "timeout": function["timeout"], "variables": block(function, "environment")["variables"],
            "log_group": block(function, "logging_config")["log_group"],
            "subnets": block(function, "vpc_config")["subnet_ids"], "reserved": function["reserved_concurrent_executions"],
            "security_groups": list(&block(function, "vpc_config")["security_group_ids"]).len(),
        })
    }
}

pub mod log_group {
    use super::*;

    pub fn of_template(group: &Value) -> Value {
        json!([group["LogGroupName"], group["RetentionInDays"]])
    }

    pub fn of_module(group: &Value) -> Value {
        json!([group["name"], group["retention_in_days"]])
    }
}

pub mod permission {
    use super::*;

    pub fn of_template(permission: &Value) -> Value {
        let qualifier = permission["FunctionName"].as_str().and_then(|arn| arn.split(':').nth(7));
        json!([permission["Action"], permission["Principal"], permission["SourceAccount"], qualifier])
    }

    pub fn of_module(permission: &Value) -> Value {
        assert_eq!(permission["function_name"], "genesys-rotator");
        json!([permission["action"], permission["principal"], permission["source_account"], permission["qualifier"]])
    }
}

pub mod role {
    use super::*;

    pub fn of_template(role: &Value) -> Value {
        let trust = &role["AssumeRolePolicyDocument"]["Statement"][0];
        json!({
            "description": role["Description"], "boundary": role["PermissionsBoundary"], "who": sorted(trust["Principal"].get("Service").unwrap_or(&trust["Principal"]["AWS"])),
            "action": trust["Action"], "account": trust["Condition"]["StringEquals"]["aws:SourceAccount"],
        })
    }

    pub fn of_module(role: &Value) -> Value {
        let trust = &role["assume_role_policy"]["Statement"][0];
        let condition = block(trust, "condition");
        assert!(
            condition.is_null() || condition["variable"] == "aws:SourceAccount" && condition["test"] == "StringEquals"
        );
        json!({
            "description": role["description"], "boundary": role["permissions_boundary"],
            "who": sorted(&block(trust, "principals")["identifiers"]), "action": trust["actions"][0],
            "account": condition["values"][0],
        })
    }
}

pub mod statement {
    use super::*;

    pub fn of_template(statement: &Value) -> Value {
        let mut conditions = Vec::new();
        for (test, keys) in statement["Condition"].as_object().into_iter().flatten() {
            conditions
                .extend(keys.as_object().into_iter().flatten().map(|(key, values)| json!([test, key, sorted(values)])));
        }
        json!({
            "sid": statement["Sid"], "effect": statement["Effect"], "actions": sorted(&statement["Action"]),
            "resources": sorted(&statement["Resource"]), "conditions": conditions,
        })
    }

    pub fn of_module(statement: &Value) -> Value {
        let conditions = statement["condition"].as_array().into_iter().flatten();
        let conditions: Vec<_> = conditions
            .map(|condition| json!([condition["test"], condition["variable"], sorted(&condition["values"])]))
            .collect();
        json!({
            "sid": statement["sid"], "effect": statement.get("effect").unwrap_or(&json!("Allow")),
            "actions": sorted(&statement["actions"]), "resources": sorted(&statement["resources"]), "conditions": conditions,
        })
    }
}

pub mod alarm {
    use super::*;

    fn dimensions(dimensions: &Value) -> Value {
        let Some(dimensions) = dimensions.as_array() else { return Value::Null };
        let pair = |one: &Value| (one["Name"].as_str().unwrap_or_default().to_owned(), one["Value"].clone());
        dimensions.iter().map(pair).collect::<Map<_, _>>().into()
    }

    fn template_query(query: &Value) -> Value {
        let metric = &query["MetricStat"];
        json!({
            "id": query["Id"], "expression": query["Expression"], "returned": query["ReturnData"],
            "namespace": metric["Metric"]["Namespace"], "metric": metric["Metric"]["MetricName"],
            "dimensions": dimensions(&metric["Metric"]["Dimensions"]), "stat": metric["Stat"], "period": metric["Period"],
        })
    }

    fn module_query(query: &Value) -> Value {
        let metric = block(query, "metric");
        json!({
            "id": query["id"], "expression": query["expression"], "returned": query["return_data"],
            "namespace": metric["namespace"], "metric": metric["metric_name"], "dimensions": metric["dimensions"],
            "stat": metric["stat"], "period": metric["period"],
        })
    }

    pub fn of_template(alarm: &Value) -> Value {
        let queries: Vec<_> = alarm["Metrics"].as_array().into_iter().flatten().map(template_query).collect();
        let description = alarm["AlarmDescription"].as_str().unwrap_or_default();
        json!({
            "name": alarm["AlarmName"], "description": description.replace("ReservedConcurrency", "reserved_concurrency"),
            "namespace": alarm["Namespace"], "metric": alarm["MetricName"], "dimensions": dimensions(&alarm["Dimensions"]),
            "stat": alarm["Statistic"], "period": alarm["Period"], "periods": alarm["EvaluationPeriods"],
            "datapoints": alarm["DatapointsToAlarm"], "threshold": alarm["Threshold"],
            "comparison": alarm["ComparisonOperator"], "missing": alarm["TreatMissingData"],
            "actions": alarm["AlarmActions"], "ok": alarm["OKActions"], "queries": queries,
        })
    }

    pub fn of_module(alarm: &Value) -> Value {
        // The template's alarm of a scheduled secret has a name of its own.
        let period = block(&alarm["metric_query"][1], "metric")["period"].as_u64();
        let name =
            if period == Some(300) { json!("genesys-rotator-scheduled-secret") } else { alarm["alarm_name"].clone() };
        let queries: Vec<_> = alarm["metric_query"].as_array().into_iter().flatten().map(module_query).collect();
        json!({
            "name": name, "description": alarm["alarm_description"], "namespace": alarm["namespace"],
            "metric": alarm["metric_name"], "dimensions": alarm["dimensions"], "stat": alarm["statistic"],
            "period": alarm["period"], "periods": alarm["evaluation_periods"], "datapoints": alarm["datapoints_to_alarm"],
            "threshold": alarm["threshold"], "comparison": alarm["comparison_operator"],
            "missing": alarm["treat_missing_data"], "actions": unless_empty(&alarm["alarm_actions"]),
            "ok": unless_empty(&alarm["ok_actions"]), "queries": queries,
        })
    }
}

pub mod secret {
    use super::*;

    pub fn of_template(secret: &Value) -> Value {
        let tag = list(&secret["Tags"]).into_iter().find(|tag| tag["Key"] == "genesys-rotator");
        json!([secret["Name"], secret["Description"], secret["KmsKeyId"], tag.map(|tag| &tag["Value"])])
    }

    pub fn of_module(secret: &Value) -> Value {
        json!([secret["name"], secret["description"], secret["kms_key_id"], secret["tags"]["genesys-rotator"]])
    }
}

pub mod rotation {
    use super::*;

    pub fn of_template(rotation: &Value) -> Value {
        let rules = &rotation["RotationRules"];
        let immediately = &rotation["RotateImmediatelyOnUpdate"];
        json!([
            rotation["SecretId"],
            rotation["RotationLambdaARN"],
            rules["ScheduleExpression"],
            rules["Duration"],
            immediately
        ])
    }

    pub fn of_module(rotation: &Value) -> Value {
        let rules = block(rotation, "rotation_rules");
        let immediately = &rotation["rotate_immediately"];
        json!([
            rotation["secret_id"],
            rotation["rotation_lambda_arn"],
            rules["schedule_expression"],
            rules["duration"],
            immediately
        ])
    }
}

pub mod schedule {
    use super::*;

    fn input(target: &Value) -> Value {
        serde_json::from_str(target.as_str().expect("text")).expect("JSON")
    }

    pub fn of_template(schedule: &Value) -> Value {
        let (target, retries) = (&schedule["Target"], &schedule["Target"]["RetryPolicy"]);
        json!({
            "description": schedule["Description"], "when": schedule["ScheduleExpression"],
            "window": schedule["FlexibleTimeWindow"]["Mode"], "target": target["Arn"], "input": input(&target["Input"]),
            "retries": [retries["MaximumRetryAttempts"], retries["MaximumEventAgeInSeconds"]],
        })
    }

    pub fn of_module(schedule: &Value) -> Value {
        let target = block(schedule, "target");
        let retries = block(target, "retry_policy");
        json!({
            "description": schedule["description"], "when": schedule["schedule_expression"],
            "window": block(schedule, "flexible_time_window")["mode"], "target": target["arn"],
            "input": input(&target["input"]),
            "retries": [retries["maximum_retry_attempts"], retries["maximum_event_age_in_seconds"]],
        })
    }
}

pub mod security_group {
    use super::*;

    pub fn of_template(group: &Value) -> Value {
        let rule = |rules: &Value| {
            let rule = &rules[0];
            json!([rule["Description"], rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["CidrIp"]])
        };
        let rules = (rule(&group["SecurityGroupIngress"]), rule(&group["SecurityGroupEgress"]));
        json!([group["GroupDescription"], group["VpcId"], rules.0, rules.1])
    }

    pub fn of_module(group: &Value) -> Value {
        let rule = |name: &str| {
            let rule = block(group, name);
            json!([rule["description"], rule["protocol"], rule["from_port"], rule["to_port"], rule["cidr_blocks"][0]])
        };
        json!([group["description"], group["vpc_id"], rule("ingress"), rule("egress")])
    }
}

pub mod endpoint {
    use super::*;

    pub fn of_template(endpoint: &Value) -> Value {
        let names = ["VpcEndpointType", "ServiceName", "VpcId", "SubnetIds", "PrivateDnsEnabled", "PolicyDocument"];
        names.iter().map(|name| endpoint[name].clone()).collect()
    }

    pub fn of_module(endpoint: &Value) -> Value {
        let names = ["vpc_endpoint_type", "service_name", "vpc_id", "subnet_ids", "private_dns_enabled", "policy"];
        names.iter().map(|name| endpoint[name].clone()).collect()
    }
}

/// The resources of a network that is created for a fixed address: pairs of a template's and a module's names of properties.
pub mod network {
    use super::*;

    const NAMES: [(&str, &str); 9] = [
        ("VpcId", "vpc_id"),
        ("InternetGatewayId", "internet_gateway_id"),
        ("CidrBlock", "cidr_block"),
        ("AvailabilityZone", "availability_zone"),
        ("Domain", "domain"),
        ("SubnetId", "subnet_id"),
        ("AllocationId", "allocation_id"),
        ("RouteTableId", "route_table_id"),
        ("DestinationCidrBlock", "destination_cidr_block"),
    ];
    /// The ways out of a route.
    const WAYS: [(&str, &str); 2] = [("GatewayId", "gateway_id"), ("NatGatewayId", "nat_gateway_id")];

    pub fn of_template(resource: &Value) -> Value {
        NAMES.iter().chain(&WAYS).map(|(name, _)| resource[name].clone()).collect()
    }

    pub fn of_module(resource: &Value) -> Value {
        NAMES.iter().chain(&WAYS).map(|(_, name)| resource[name].clone()).collect()
    }
}

/// The rule, the queues and the topic of events, with their policies.
pub mod events {
    use super::*;

    pub fn rule_of_template(rule: &Value) -> Value {
        json!([rule["Description"], rule["EventPattern"]])
    }

    pub fn rule_of_module(rule: &Value) -> Value {
        let pattern = rule["event_pattern"].as_str().expect("text");
        json!([rule["description"], serde_json::from_str::<Value>(pattern).expect("JSON")])
    }

    pub fn target_of_template(target: &Value) -> Value {
        json!([target["Id"], target["Arn"], target["DeadLetterConfig"]["Arn"]])
    }

    pub fn target_of_module(target: &Value) -> Value {
        json!([target["target_id"], target["arn"], block(target, "dead_letter_config")["arn"]])
    }

    pub fn queue_of_template(queue: &Value) -> Value {
        json!([queue["MessageRetentionPeriod"], queue["SqsManagedSseEnabled"]])
    }

    pub fn queue_of_module(queue: &Value) -> Value {
        json!([queue["message_retention_seconds"], queue["sqs_managed_sse_enabled"]])
    }

    pub fn policy_of_template(policy: &Value) -> Value {
        let statement = &policy["PolicyDocument"]["Statement"][0];
        let on = policy.get("Queues").unwrap_or(&policy["Topics"]);
        json!([on[0], statement["Principal"]["Service"], statement::of_template(statement)])
    }

    pub fn policy_of_module(policy: &Value) -> Value {
        let statement = &policy["policy"]["Statement"][0];
        let on = policy.get("queue_url").unwrap_or(&policy["arn"]);
        let who = &block(statement, "principals")["identifiers"][0];
        json!([on, who, statement::of_module(statement)])
    }
}
