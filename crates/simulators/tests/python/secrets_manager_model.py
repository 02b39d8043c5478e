#!/usr/bin/env python3
"""Holds the Secrets Manager simulator at URL against AWS's service model in botocore.

usage: secrets_manager_model.py URL

For every operation: each member of the request at and just outside its constraints and with a wrong type, required members
left out, members that are not simulated, and the form of every answer and error. The simulator must have a rotation
function.
"""
import copy
import http.client
import itertools
import json
import sys
from urllib.parse import urlsplit

try:
    import botocore.session
except ImportError:
    print("skipped: botocore is not installed")
    sys.exit(0)

OPERATIONS_NOT_SIMULATED = {
    "AssociateCrossAccountReplica", "DeleteResourcePolicy", "DisassociateCrossAccountReplica", "GetRandomPassword",
    "GetResourcePolicy", "ListResourcePolicies", "PutResourcePolicy", "RemoveRegionsFromReplication",
    "ReplicateSecretToRegions", "StopReplicationToReplica", "ValidateResourcePolicy",
}
MEMBERS_NOT_SIMULATED = {
    ("CreateSecret", "AddReplicaRegions"), ("CreateSecret", "CrossAccountPrimaryARN"), ("CreateSecret", "Type"),
    ("RotateSecret", "ExternalSecretRotationMetadata"), ("RotateSecret", "ExternalSecretRotationRoleArn"),
    ("UpdateSecret", "Type"),
}
# Errors of the framework before the service, which no operation declares.
OF_THE_FRAMEWORK = {"AccessDeniedException", "SerializationException", "ThrottlingException", "ValidationException"}
# The model contradicts itself: a name may have 512 characters in a request and 256 in an answer.
LENGTHS_NOT_CHECKED = {"SecretNameType"}
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:rotator"
SIGNATURE = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0"
WRONG_TYPES = {"string": 7, "blob": 7, "list": "x", "structure": "x", "boolean": "x", "integer": "x", "long": "x"}

loader = botocore.session.get_session().get_component("data_loader")
MODEL = loader.load_service_model("secretsmanager", "service-2")
SHAPES, OPERATIONS = MODEL["shapes"], MODEL["operations"]
numbers = itertools.count(1)
faults, checks = [], 0


class Service:
    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def call(self, operation, members):
        headers = {
            "X-Amz-Target": f"secretsmanager.{operation}", "Content-Type": "application/x-amz-json-1.1", "Authorization": SIGNATURE,
        }
        self.connection.request("POST", "/", json.dumps(members), headers)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())


def token():
    return f"{next(numbers):032}"


def secret(service):
    """Creates a secret and returns its name and its version."""
    name, version = f"secret-{next(numbers)}", token()
    service.call("CreateSecret", {"Name": name, "ClientRequestToken": version, "SecretString": "x"})
    return name, version


def valid_request(service, operation, shared):
    """A request that succeeds, and the values of the shapes that depend on it. Reads share a secret."""
    is_read = operation.startswith(("Batch", "Describe", "Get", "List"))
    name, version = shared if is_read else secret(service)
    samples = {"SecretIdType": name, "SecretVersionIdType": version, "ClientRequestTokenType": token(), "NameType": f"new-{name}"}
    request = {"SecretId": name}
    rules = {"RotationRules": {"ScheduleExpression": "rate(10 days)"}, "RotationLambdaARN": FUNCTION, "RotateImmediately": False}
    if operation == "CancelRotateSecret":
        service.call("RotateSecret", request | rules | {"ClientRequestToken": token()})
    request |= {
        "CreateSecret": {"Name": f"new-{name}", "ClientRequestToken": token(), "SecretString": "x"},
        "PutSecretValue": {"ClientRequestToken": token(), "SecretString": "x"},
        "UpdateSecret": {"ClientRequestToken": token(), "SecretString": "x"},
        "RotateSecret": {"ClientRequestToken": token()} | rules,
        "TagResource": {"Tags": [{"Key": "team", "Value": "x"}]},
        "UntagResource": {"TagKeys": ["team"]},
        "UpdateSecretVersionStage": {"VersionStage": "MINE", "MoveToVersionId": version},
        "BatchGetSecretValue": {"SecretIdList": [name]},
    }.get(operation, {})
    if operation in ("CreateSecret", "ListSecrets", "BatchGetSecretValue"):
        del request["SecretId"]
    return request, samples


def sample(name, samples):
    """A valid value of a shape."""
    shape = SHAPES[name]
    fixed = {
        "DurationType": "3h", "ScheduleExpressionType": "rate(10 days)", "RegionType": "eu-west-1", "RotationLambdaARNType": FUNCTION,
        "SecretBinaryType": "eA==", "AutomaticallyRotateAfterDaysType": 10, "RecoveryWindowInDaysType": 7,
    }
    if name in samples | fixed:
        return (samples | fixed)[name]
    match shape["type"]:
        case "string":
            return shape["enum"][0] if "enum" in shape else "x" * max(shape.get("min", 1), 1)
        case "list":
            return [sample(shape["member"]["shape"], samples)] * max(shape.get("min", 1), 1)
        case "structure":
            return {member: sample(of["shape"], samples) for member, of in shape["members"].items()}
        case "boolean":
            return True
        case "long" | "integer":
            return shape.get("min", 1)


def of_length(name, length, samples):
    shape = SHAPES[name]
    match shape["type"]:
        case "list":
            return [sample(shape["member"]["shape"], samples) for _ in range(length)]
        case "blob":
            import base64
            return base64.b64encode(b"x" * length).decode()
        case "string":
            return "1" * (length - 1) + "h" if name == "DurationType" and length else "x" * length
    return length


def inside(name, samples):
    shape = SHAPES[name]
    yield sample(name, samples)
    yield from shape.get("enum", [])
    yield from (of_length(name, shape[bound], samples) for bound in ("min", "max") if bound in shape and shape[bound] > 0)


def outside(name, samples):
    shape = SHAPES[name]
    if shape.get("min", 0) > 0:
        yield of_length(name, shape["min"] - 1, samples)
    if "max" in shape:
        yield of_length(name, shape["max"] + 1, samples)
    if "enum" in shape:
        yield "no-such-value"
    if "pattern" in shape:
        yield "\u00fc" * max(shape.get("min", 1), 3 if name == "DurationType" else 1)


def members(name, path=()):
    """Every member below a structure: its path and its shape."""
    for member, of in SHAPES[name]["members"].items():
        yield from below(of["shape"], path + (member,))


def below(name, path):
    yield path, name
    shape = SHAPES[name]
    if shape["type"] == "structure":
        yield from members(name, path)
    elif shape["type"] == "list":
        yield from below(shape["member"]["shape"], path + (0,))


def changed(request, operation, path, value, samples):
    """The request with a value at a path."""
    request = copy.deepcopy(request)
    # Members that exclude each other.
    if path[0] == "SecretBinary":
        request.pop("SecretString")
    if operation == "BatchGetSecretValue" and path[0] in ("Filters", "MaxResults"):
        request.pop("SecretIdList")
        request["Filters"] = [sample("Filter", samples)]
    if path[0] == "RotationRules" and len(path) > 1:
        request["RotationRules"] = {"ScheduleExpression": "rate(10 days)"} if path[1] == "Duration" else {}
    place, name = request, OPERATIONS[operation]["input"]["shape"]
    for step in path[:-1]:
        shape = SHAPES[name]
        name = (shape["member"] if step == 0 else shape["members"][step])["shape"]
        if step == 0:
            place[:] = place or [sample(name, samples)]
        elif step not in place:
            place[step] = sample(name, samples)
        place = place[step]
    if path[-1] == 0:
        place[:] = [value]
    else:
        place[path[-1]] = value
    return request


def malformed(name, value, path):
    """Yields how an answer differs from its shape."""
    shape = SHAPES[name]
    types = {
        "string": str, "blob": str, "list": list, "map": dict, "structure": dict, "boolean": bool, "integer": int, "long": int,
        "timestamp": (int, float),
    }
    if not isinstance(value, types[shape["type"]]):
        yield f"{path} has the wrong type: {value!r}"
        return
    match shape["type"]:
        case "structure":
            yield from (f"{path} has the unknown member {member}" for member in set(value) - set(shape["members"]))
            yield from (f"{path} lacks {member}" for member in set(shape.get("required", [])) - set(value))
            for member in set(value) & set(shape["members"]):
                yield from malformed(shape["members"][member]["shape"], value[member], f"{path}.{member}")
        case "list":
            for entry in value:
                yield from malformed(shape["member"]["shape"], entry, f"{path}[]")
        case "map":
            for key, entry in value.items():
                yield from malformed(shape["key"]["shape"], key, f"{path} key")
                yield from malformed(shape["value"]["shape"], entry, f"{path}[{key}]")
    if shape["type"] in ("string", "list") and name not in LENGTHS_NOT_CHECKED:
        if not shape.get("min", 0) <= len(value) <= shape.get("max", sys.maxsize):
            yield f"{path} has the length {len(value)}"
    if "enum" in shape and value not in shape["enum"]:
        yield f"{path} is {value!r}"


def check(service, operation, request, what, allowed):
    """Calls an operation. `allowed` are the codes of the expected errors; without them it may succeed or fail as declared."""
    global checks
    checks += 1
    status, body = service.call(operation, request)
    declared = {error["shape"] for error in OPERATIONS[operation]["errors"]}
    if status == 200:
        output = OPERATIONS[operation].get("output")
        found = list(malformed(output["shape"], body, operation)) if output else ([] if body == {} else [f"answers {body}"])
        found += [f"was accepted: {json.dumps(request)[:300]}"] * bool(allowed)
    else:
        code = body.get("__type")
        found = [f"answered {body}"] * (set(body) - {"__type"} not in ({"Message"}, {"message"}))
        expected = allowed or declared | {"AccessDeniedException"}
        found += [f"answered {body}"] * (code not in expected)
        found += [f"answered the undeclared {code}"] * (code not in declared | OF_THE_FRAMEWORK)
    faults.extend(f"{operation}: {what}: {fault}" for fault in found)


def walk(service, operation, shared):
    def fresh():
        return valid_request(service, operation, shared)

    request, _ = fresh()
    check(service, operation, request, "a valid request", None)
    request, _ = fresh()
    check(service, operation, request | {"NoSuchMember": "x"}, "an unknown member", {"InvalidParameterException"})
    shape = SHAPES[OPERATIONS[operation]["input"]["shape"]]
    refusals = {"ValidationException", "InvalidParameterException", "InvalidRequestException"}
    for member in shape.get("required", []):
        request, _ = fresh()
        del request[member]
        check(service, operation, request, f"without {member}", refusals)
    for path, name in members(OPERATIONS[operation]["input"]["shape"]):
        shown = ".".join(map(str, path))

        def send(value, what, allowed):
            request, samples = fresh()
            request = changed(request, operation, path, value(samples), samples)
            check(service, operation, request, f"{shown} {what}", allowed)

        if (operation, path[0]) in MEMBERS_NOT_SIMULATED:
            if len(path) == 1:
                send(lambda samples: sample(name, samples), "is not simulated", {"InvalidParameterException"})
            continue
        _, samples = fresh()
        for index, _ in enumerate(inside(name, samples)):
            send(lambda samples: list(inside(name, samples))[index], f"within its constraints ({index})", None)
        for index, _ in enumerate(outside(name, samples)):
            send(lambda samples: list(outside(name, samples))[index], f"outside its constraints ({index})", refusals)
        if SHAPES[name]["type"] == "structure":
            unknown = {"InvalidParameterException"}
            send(lambda samples: sample(name, samples) | {"NoSuchMember": "x"}, "with an unknown member", unknown)
        wrong = WRONG_TYPES[SHAPES[name]["type"]]
        send(lambda _: wrong, "with a wrong type", {"SerializationException"})


def main(url):
    service = Service(url)
    shared = secret(service)
    unknown = {name for name in OPERATIONS if service.call(name, {})[1].get("__type") == "UnknownOperationException"}
    if unknown != OPERATIONS_NOT_SIMULATED:
        faults.append(f"not simulated: {sorted(unknown ^ OPERATIONS_NOT_SIMULATED)}")
    for operation in sorted(set(OPERATIONS) - unknown):
        walk(service, operation, shared)
    print("\n".join(faults))
    print(f"{checks} checks of {len(OPERATIONS) - len(unknown)} operations, {len(faults)} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
