"""Prints a SAM template with parameters applied, conditions evaluated and references resolved, as in CloudFormation.

Usage: sam_stack.py TEMPLATE [NAME=VALUE ...], where commas separate the values of a list parameter.
       sam_stack.py --errors TEMPLATE [NAME=VALUE ...] [-- [NAME=VALUE ...]] ... prints for each set of parameters the
       error, or null.
"""

import json
import re
import sys

from samtranslator.yaml_helper import yaml_parse

PSEUDO = {
    "AWS::AccountId": "000000000000",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "genesys-rotator",
    "AWS::URLSuffix": "amazonaws.com",
}
NO_VALUE = object()


class Stack:
    def __init__(self, template, given):
        self.template = template
        unknown = set(given) - set(template["Parameters"])
        if unknown:
            raise SystemExit(f"unknown parameter {sorted(unknown)}")
        self.values = dict(PSEUDO)
        for name, parameter in template["Parameters"].items():
            value = given.get(name, parameter.get("Default"))
            self.check(name, parameter, value)
            if parameter["Type"] == "CommaDelimitedList":
                value = str(value).split(",")
            elif parameter["Type"] == "Number":
                value = int(value)
            self.values[name] = value

    @staticmethod
    def check(name, parameter, value):
        text = str(value)
        allowed = [str(option) for option in parameter.get("AllowedValues", [text])]
        # A pattern applies to each value of a list (CloudFormation user guide, "Parameters").
        values = text.split(",") if parameter["Type"] == "CommaDelimitedList" else [text]
        if text not in allowed or not all(re.fullmatch(parameter.get("AllowedPattern", ".*"), one) for one in values):
            raise SystemExit(f"{name} must not be {text!r}")
        if parameter["Type"] == "Number" and not parameter.get("MinValue", 0) <= int(text) <= parameter.get("MaxValue", 1 << 31):
            raise SystemExit(f"{name} must not be {text}")

    def condition(self, name):
        return self.resolve(self.template["Conditions"][name])

    def exists(self, name):
        condition = self.template["Resources"][name].get("Condition")
        return condition is None or self.condition(condition)

    def reference(self, name):
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.values:
            return self.values[name]
        if not self.exists(name):
            raise SystemExit(f"reference to {name}, which is not created")
        return self.attribute(name, "Ref")

    def attribute(self, name, attribute):
        """Returns an attribute, as the documentation of the resource type defines it."""
        resource = self.template["Resources"][name]
        place = "us-east-1:000000000000"
        properties = resource.get("Properties", {})
        match (resource["Type"], attribute):
            case ("AWS::Serverless::Function", "Ref"):
                return self.resolve(properties["FunctionName"])
            case ("AWS::Serverless::Function", "Arn"):
                return f"arn:aws:lambda:{place}:function:" + self.resolve(properties["FunctionName"])
            case ("AWS::Logs::LogGroup", "Ref"):
                return self.resolve(properties["LogGroupName"])
            case ("AWS::Logs::LogGroup", "Arn"):
                return f"arn:aws:logs:{place}:log-group:" + self.resolve(properties["LogGroupName"]) + ":*"
            case ("AWS::SecretsManager::Secret", "Ref"):
                return f"arn:aws:secretsmanager:{place}:secret:" + self.resolve(properties["Name"]) + "-AbCdEf"
            case ("AWS::IAM::Role", "Arn"):
                return f"arn:aws:iam::000000000000:role/{name}"
            case ("AWS::CloudWatch::Dashboard", "Ref"):
                return self.resolve(properties["DashboardName"])
            case ("AWS::SQS::Queue" | "AWS::SNS::Topic" | "AWS::Events::Rule", _):
                service = resource["Type"].split("::")[1].lower()
                return f"arn:aws:{service}:{place}:" + re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
            case ("AWS::SSM::Document", "Ref"):
                return name
            case ("AWS::EC2::SecurityGroup", "Ref"):
                return f"sg-of-{name}"
            case ("AWS::EC2::EIP", "PublicIp"):
                return "192.0.2.1"
            case ("AWS::EC2::Subnet", "AvailabilityZone"):
                return "us-east-1a"
            case (kind, "Ref" | "AllocationId") if kind.startswith("AWS::EC2::"):
                return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
        raise SystemExit(f"unknown attribute {attribute} of {resource['Type']}")

    def substitute(self, text, names):
        def value(match):
            name = match.group(1)
            if name in names:
                return str(self.resolve(names[name]))
            if "." in name:
                return str(self.attribute(*name.split(".", 1)))
            return str(self.reference(name))

        return re.sub(r"\$\{([^!}][^}]*)\}", value, text)

    def call(self, function, argument):
        match function:
            case "Ref":
                return self.reference(argument)
            case "Condition":
                return self.condition(argument)
            case "Fn::GetAtt":
                return self.attribute(*(argument.split(".", 1) if isinstance(argument, str) else argument))
            case "Fn::Sub":
                text, names = argument if isinstance(argument, list) else (argument, {})
                return self.substitute(text, names)
            case "Fn::If":
                return self.resolve(argument[1] if self.condition(argument[0]) else argument[2])
            case "Fn::Equals":
                left, right = (str(self.resolve(side)) for side in argument)
                return left == right
            case "Fn::Not":
                return not self.resolve(argument[0])
            case "Fn::And":
                return all(self.resolve(part) for part in argument)
            case "Fn::Or":
                return any(self.resolve(part) for part in argument)
            case "Fn::Join":
                return argument[0].join(str(part) for part in self.resolve(argument[1]))
            case "Fn::Select":
                return self.resolve(argument[1])[int(argument[0])]
            case "Fn::FindInMap":
                mapping, first, second = (self.resolve(part) for part in argument)
                return self.template["Mappings"][mapping][first][second]
        raise SystemExit(f"unknown function {function}")

    def resolve(self, value):
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), = value.items()
            if name.startswith("Fn::") or name in ("Ref", "Condition") and isinstance(argument, str):
                return self.call(name, argument)
        resolved = {name: self.resolve(part) for name, part in value.items()}
        return {name: part for name, part in resolved.items() if part is not NO_VALUE}

    def rules(self):
        """Yields the rules that the parameters violate."""
        for name, rule in self.template.get("Rules", {}).items():
            if self.resolve(rule["RuleCondition"]) and not all(self.resolve(a["Assert"]) for a in rule["Assertions"]):
                yield name

    def render(self):
        resources = {name: self.resolve(value) for name, value in self.template["Resources"].items() if self.exists(name)}
        outputs = {
            name: self.resolve(value["Value"])
            for name, value in self.template["Outputs"].items()
            if "Condition" not in value or self.condition(value["Condition"])
        }
        return {"Resources": resources, "Outputs": outputs, "Parameters": self.template["Parameters"]}


def stack_of(template, pairs):
    stack = Stack(template, dict(pair.split("=", 1) for pair in pairs))
    broken = list(stack.rules())
    if broken:
        raise SystemExit(f"violated rules: {broken}")
    return stack


def error_of(template, pairs):
    try:
        stack_of(template, pairs)
    except SystemExit as error:
        return str(error)


def sets(arguments):
    """Splits arguments at `--`."""
    while "--" in arguments:
        at = arguments.index("--")
        yield arguments[:at]
        arguments = arguments[at + 1 :]
    yield arguments


def main():
    wants_errors = sys.argv[1] == "--errors"
    path, *arguments = sys.argv[1 + wants_errors :]
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    if wants_errors:
        print(json.dumps([error_of(template, pairs) for pairs in sets(arguments)]))
    else:
        print(json.dumps(stack_of(template, arguments).render()))


main()
