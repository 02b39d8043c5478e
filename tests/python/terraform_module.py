"""Prints the planned resources of a Terraform module, with conditions evaluated and references resolved.

An HCL parser reads the files. The script evaluates only the language features that the module uses.
Usage: terraform_module.py DIRECTORY [name=value ...], where commas separate the values of a list, and maps are JSON.
       terraform_module.py --errors DIRECTORY [name=value ...] [-- [name=value ...]] ... prints for each set of variables
       the error, or null.
"""

import json
import math
import pathlib
import re
import sys

import hcl2

ACCOUNT = "000000000000"
REGION = "us-east-1"
DATA = {
    ("aws_caller_identity", "account_id"): ACCOUNT,
    ("aws_partition", "partition"): "aws",
    ("aws_partition", "dns_suffix"): "amazonaws.com",
    ("aws_region", "id"): REGION,
}
TOKEN = re.compile(r'\s*(?:(\d+)|("(?:[^"\\$]|\\.|\$\{(?:[^{}"]|"(?:[^"$]|\$\{[^}]*\})*")*\}|\$)*")|([A-Za-z_][\w-]*)|(\[\*\]|\.\.\.|=>|&&|\|\||[=!<>]=|[-+*/!<>?:.,()\[\]{}=]))')
ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n"}


def tokens(text):
    found, at = [], 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if not match:
            raise SystemExit(f"syntax error at {text[at:]!r}")
        found.append(match.group().strip())
        at = match.end()
    return found


class Expression:
    """A recursive descent parser that evaluates one expression, including branches that are not taken."""

    BINARY = [
        {"||": lambda a, b: a or b},
        {"&&": lambda a, b: a and b},
        {"==": lambda a, b: a == b, "!=": lambda a, b: a != b, ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, "<": lambda a, b: a < b},
        {"+": lambda a, b: a + b, "-": lambda a, b: a - b},
        {"*": lambda a, b: a * b, "/": lambda a, b: a / b},
    ]

    def __init__(self, module, text):
        self.module, self.text, self.rest = module, text, tokens(text)

    def value(self):
        value = self.ternary()
        if self.rest:
            raise SystemExit(f"unexpected {self.rest} in {self.text!r}")
        return value

    def peek(self):
        return self.rest[0] if self.rest else None

    def take(self, wanted=None):
        if wanted is not None and self.peek() != wanted:
            raise SystemExit(f"expected {wanted} before {self.rest} in {self.text!r}")
        return self.rest.pop(0)

    def ternary(self):
        condition = self.binary(0)
        if self.peek() != "?":
            return condition
        self.take()
        left = self.ternary()
        self.take(":")
        right = self.ternary()
        return left if condition else right

    def binary(self, level):
        if level == len(self.BINARY):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in self.BINARY[level]:
            operation = self.BINARY[level][self.take()]
            left = operation(left, self.binary(level + 1))
        return left

    def unary(self):
        if self.peek() in ("!", "-"):
            return {"!": lambda a: not a, "-": lambda a: -a}[self.take()](self.unary())
        return self.postfix()

    def postfix(self):
        value = self.primary()
        while self.peek() in ("[", "."):
            if self.take() == ".":
                value = value[self.take()] if value is not None else None
                continue
            index = self.ternary()
            self.take("]")
            value = (value.get(index) if isinstance(value, dict) else value[index]) if value else None
        return value

    def items(self, end):
        items = []
        while self.peek() != end:
            items.append(self.ternary())
            if self.peek() == "...":
                self.take()
                items.extend(items.pop())
            if self.peek() == ",":
                self.take()
        self.take(end)
        return items

    def comprehension(self, end):
        """Evaluates a `for` expression: its body once for each item."""
        names, depth, body = [], 0, []
        while (token := self.take()) != "in":
            names += [token] if token != "," else []
        collection = self.ternary()
        self.take(":")
        while depth or self.peek() != end:
            body.append(self.take())
            depth += (body[-1] in "([{") - (body[-1] in ")]}") if len(body[-1]) == 1 else 0
        self.take(end)
        found = {} if end == "}" else []
        for item in collection.items() if isinstance(collection, dict) else enumerate(collection):
            self.module.scopes.append(dict(zip(names, item if len(names) == 2 else item[1:])))
            inner = Expression(self.module, "")
            inner.rest = list(body)
            value = inner.ternary()
            if inner.peek() == "=>":
                inner.take()
                value = value, inner.ternary()
            is_wanted = True
            if inner.peek() == "if":
                inner.take()
                is_wanted = inner.ternary()
            self.module.scopes.pop()
            if is_wanted:
                found.update([value]) if end == "}" else found.append(value)
        return found

    def mapping(self):
        entries = {}
        while self.peek() != "}":
            name = self.take()
            self.take(self.peek() if self.peek() in ("=", ":") else "=")
            entries[name.strip('"')] = self.ternary()
            if self.peek() == ",":
                self.take()
        self.take("}")
        return entries

    def attempt(self, function):
        """Evaluates `can` and `try`: the arguments may have errors."""
        arguments, depth = [[]], 0
        while depth or self.peek() != ")":
            token = self.take()
            depth += (token in "([{") - (token in ")]}") if len(token) == 1 else 0
            arguments.append([]) if token == "," and not depth else arguments[-1].append(token)
        self.take(")")
        for argument in arguments:
            inner = Expression(self.module, "")
            inner.rest = argument
            try:
                value = inner.value()
            except (KeyError, TypeError, ValueError, AttributeError):
                continue
            if value is not None:
                return True if function == "can" else value
        return False if function == "can" else None

    def primary(self):
        token = self.take()
        if token.isdigit():
            return int(token)
        if token.startswith('"'):
            return self.module.template(token[1:-1])
        if token in ("(", "[", "{"):
            if token != "(" and self.peek() == "for":
                self.take()
                return self.comprehension("}" if token == "{" else "]")
            if token == "{":
                return self.mapping()
            items = self.items(")" if token == "(" else "]")
            return items[0] if token == "(" else items
        if token in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token]
        if self.peek() == "(":
            self.take()
            if token in ("can", "try"):
                return self.attempt(token)
            return self.module.function(token, self.items(")"))
        path = [token]
        while self.peek() in (".", "[*]"):
            path.append(self.take())
            if path[-1] == ".":
                path[-1] = self.take()
        return self.module.reference(path)


class Instance:
    """An instance of a resource with `for_each`."""

    def __init__(self, module, kind, label, scope):
        self.module, self.kind, self.label, self.scope = module, kind, label, scope

    def __getitem__(self, attribute):
        self.module.scopes.append(self.scope)
        value = self.module.attribute(self.kind, self.label, attribute)
        self.module.scopes.pop()
        return value


class Module:
    def __init__(self, directory):
        self.directory, self.given, self.scopes = directory, {}, []
        self.variables, self.locals, self.resources, self.data, self.outputs = {}, {}, {}, {}, {}
        for file in sorted(directory.glob("*.tf")):
            with file.open(encoding="utf-8") as text:
                self.add(hcl2.load(text))

    def give(self, pairs):
        """Sets the variables and checks the validations."""
        given = {"package": "function.zip", **dict(pair.split("=", 1) for pair in pairs)}
        unknown = set(given) - set(self.variables)
        if unknown:
            raise SystemExit(f"unknown variable {sorted(unknown)}")
        self.given = {name: self.typed(name, value) for name, value in given.items()}
        broken = list(self.broken_validations())
        if broken:
            raise SystemExit(f"violated validations: {broken}")

    def typed(self, name, text):
        match self.variables[name]["type"].removeprefix("${").removesuffix("}"):
            case "number":
                return int(text)
            case "bool":
                return text in ("true", "yes")
            case "list(string)":
                return [item for item in text.split(",") if item]
            case "map(list(string))":
                return json.loads(text)
            case kind if kind.startswith("map(object("):
                return {key: {**Expression(self, kind).value(), **item} for key, item in json.loads(text).items()}
        return text

    def add(self, file):
        def unquoted(block):
            return {name.strip('"'): body for name, body in block.items() if not name.startswith("__")}

        for block in file.get("variable", []):
            self.variables.update(unquoted(block))
        for block in file.get("output", []):
            self.outputs.update(unquoted(block))
        for block in file.get("locals", []):
            self.locals.update(unquoted(block))
        for kind, place in (("resource", self.resources), ("data", self.data)):
            for block in file.get(kind, []):
                for type_name, labels in unquoted(block).items():
                    for label, body in unquoted(labels).items():
                        place[type_name, label] = body

    def template(self, text):
        """Evaluates the content of a quoted string."""
        pieces = re.split(r"\$\{((?:[^{}\"]|\"[^\"]*\")*)\}", text)
        for index, piece in enumerate(pieces):
            if index % 2 == 0:
                pieces[index] = re.sub(r"\\.", lambda match: ESCAPES[match.group()], piece)
            else:
                pieces[index] = str(Expression(self, piece).value())
        return "".join(pieces)

    def function(self, name, arguments):
        match name:
            case "length":
                return len(arguments[0])
            case "one":
                return arguments[0][0] if arguments[0] else None
            case "ceil":
                return math.ceil(arguments[0])
            case "contains":
                return arguments[1] in arguments[0]
            case "regex":
                return re.search(*arguments)
            case "map" | "list" | "object":
                return arguments[0]
            case "optional":
                return arguments[1]
            case "alltrue":
                return all(arguments[0])
            case "coalesce":
                return next((each for each in arguments if each not in (None, "")), None)
            case "concat" | "flatten":
                return [item for each in (arguments if name == "concat" else arguments[0]) for item in each]
            case "distinct" | "toset":
                return list(dict.fromkeys(arguments[0]))
            case "keys":
                return sorted(arguments[0])
            case "values":
                return [arguments[0][key] for key in sorted(arguments[0])]
            case "setintersection":
                return [item for item in arguments[0] if item in arguments[1]]
            case "jsonencode":
                return json.dumps(arguments[0])
            case "jsondecode":
                return json.loads(arguments[0])
            case "strcontains":
                return arguments[1] in arguments[0]
            case "replace":
                text, old, new = arguments
                return re.sub(old[1:-1], new, text) if old.startswith("/") else text.replace(old, new)
            case "merge":
                return {key: value for each in arguments for key, value in each.items()}
            case "filebase64sha256":
                return f"sha256 of {arguments[0]}"
            case "templatefile":
                text = pathlib.Path(arguments[0]).read_text(encoding="utf-8")
                return re.sub(r"\$\{(\w+)\}", lambda match: arguments[1][match.group(1)], text)
        raise SystemExit(f"unknown function {name}()")

    def reference(self, path):
        for scope in reversed(self.scopes):
            if path[0] in scope:
                value = scope[path[0]]
                for name in path[1:]:
                    value = value[name]
                return value
        match path:
            case ["string" | "bool" | "number"]:
                return path[0]
            case [kind, label] if (kind, label) in self.resources:
                return {key: Instance(self, kind, label, each) for key, each in self.instances(self.resources[kind, label])}
            case ["local", name, *rest] if rest:
                value = self.evaluate(self.locals[name])
                for part in rest:
                    value = value[part]
                return value
            case ["var", name]:
                if name in self.given:
                    return self.given[name]
                return self.evaluate(self.variables[name]["default"])
            case ["local", name]:
                return self.evaluate(self.locals[name])
            case ["path", "module"]:
                return str(self.directory)
            case ["data", kind, label, attribute]:
                return self.document(label) if kind == "aws_iam_policy_document" else DATA[kind, attribute]
            case ["data", "aws_iam_policy_document", label, "[*]", "json"]:
                return [self.document(label)] if self.count(self.data["aws_iam_policy_document", label]) else []
            case [kind, label, "[*]", attribute]:
                return [self.attribute(kind, label, attribute)] if self.count(self.resources[kind, label]) else []
            case [kind, label, attribute]:
                return self.attribute(kind, label, attribute)
        raise SystemExit(f"unknown reference {path}")

    def attribute(self, kind, label, attribute):
        """Returns an attribute, as the provider's documentation defines it."""
        body = self.resources[kind, label]
        if "for_each" not in body and not self.count(body):
            raise SystemExit(f"reference to {kind}.{label}, which is not created")
        place = f"{REGION}:{ACCOUNT}"
        match kind, attribute:
            case "aws_lambda_function", "arn":
                return f"arn:aws:lambda:{place}:function:" + self.evaluate(body["function_name"])
            case "aws_cloudwatch_log_group", "arn":
                return f"arn:aws:logs:{place}:log-group:" + self.evaluate(body["name"])
            case "aws_secretsmanager_secret", "arn":
                return f"arn:aws:secretsmanager:{place}:secret:" + self.evaluate(body["name"]) + "-AbCdEf"
            case "aws_sqs_queue" | "aws_sns_topic" | "aws_cloudwatch_event_rule", "arn" | "id" | "name":
                service = {"aws_cloudwatch_event_rule": "events"}.get(kind, kind.split("_")[1])
                return f"arn:aws:{service}:{place}:{label}"
            case "aws_iam_role", "arn":
                return f"arn:aws:iam::{ACCOUNT}:role/{label}"
            case "aws_security_group", "id":
                return f"sg-of-{label}"
            case "aws_eip", "public_ip":
                return "192.0.2.1"
            case "aws_subnet", "availability_zone":
                return f"{REGION}a"
            case "aws_secretsmanager_secret", "id":
                return self.attribute(kind, label, "arn")
            case _, "id" | "allocation_id":
                return f"{label}-" + kind.removeprefix("aws_").replace("_", "-")
        return self.evaluate(body[attribute])

    def document(self, label):
        body = self.body(self.data["aws_iam_policy_document", label])
        return {"Statement": body["statement"]}

    def count(self, body):
        return self.evaluate(body.get("count", 1))

    def instances(self, body):
        """Yields the key and the scope of each instance; the key is null without `for_each`."""
        if "for_each" not in body:
            return [(None, {})] if self.count(body) else []
        each = self.evaluate(body["for_each"])
        pairs = each.items() if isinstance(each, dict) else zip(each, each)
        return [(key, {"each": {"key": key, "value": value}}) for key, value in pairs]

    def evaluate(self, value):
        if isinstance(value, list):
            return [self.evaluate(item) for item in value]
        if isinstance(value, dict):
            return {name.strip('"'): self.evaluate(item) for name, item in value.items() if not name.startswith("__")}
        if isinstance(value, str):
            if value.startswith('"'):
                return self.template(value[1:-1])
            return Expression(self, value.removeprefix("${").removesuffix("}")).value()
        return value

    def body(self, block):
        """Evaluates a block with its nested and `dynamic` blocks."""
        result = {}
        for name, value in block.items():
            if name.startswith("__") or name in ("count", "for_each", "depends_on", "lifecycle"):
                continue
            if name == "dynamic":
                for dynamic in value:
                    for label, inner in dynamic.items():
                        if not label.startswith("__") and self.evaluate(inner["for_each"]):
                            result.setdefault(label.strip('"'), []).append(self.body(inner["content"][0]))
            elif isinstance(value, list) and value and isinstance(value[0], dict) and "__is_block__" in value[0]:
                result.setdefault(name, []).extend(self.body(inner) for inner in value)
            else:
                evaluated = self.evaluate(value)
                if evaluated is not None:
                    result[name] = evaluated
        return result

    def broken_validations(self):
        for name, variable in self.variables.items():
            for validation in variable.get("validation", []):
                if not self.evaluate(validation["condition"]):
                    yield name, self.evaluate(validation["error_message"])

    def plan(self):
        resources = {}
        for name, body in self.resources.items():
            for key, scope in self.instances(body):
                self.scopes.append(scope)
                resources[".".join(name) + (f"[{key}]" if key else "")] = self.body(body)
                self.scopes.pop()
        outputs = {name: self.evaluate(body["value"]) for name, body in self.outputs.items()}
        variables = {
            name: {
                "type": body["type"].removeprefix("${").removesuffix("}"),
                "description": self.evaluate(body["description"]),
                **({"default": self.evaluate(body["default"])} if "default" in body else {}),
            }
            for name, body in self.variables.items()
        }
        return {"resources": resources, "outputs": outputs, "variables": variables}


def error_of(module, pairs):
    try:
        module.give(pairs)
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
    directory, *arguments = sys.argv[1 + wants_errors :]
    module = Module(pathlib.Path(directory))
    if wants_errors:
        print(json.dumps([error_of(module, pairs) for pairs in sets(arguments)]))
    else:
        module.give(arguments)
        print(json.dumps(module.plan()))


main()
