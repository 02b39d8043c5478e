"""Validates the Kubernetes manifests of a directory, and prints their documents and the errors as JSON.

usage: kubernetes_manifests.py DIRECTORY

Kinds of Kubernetes are validated against the schemas of the oldest and the newest supported version. Kinds of operators
are validated against the fields below, which are the ones that the manifests use. They were compared with the
operators' sources: External Secrets Operator 2.9.0, Vault Secrets Operator 1.4.1, Secrets Store CSI driver 1.6.0.
"""

import functools
import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml

VERSIONS = ["1.29", "1.37"]
# It parses a file of 1 MB for each document otherwise.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)

TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT, "minItems": 1}
YES_OR_NO = {"type": "boolean"}
NUMBER = {"type": "integer"}
DURATION = {"type": "string", "pattern": "^([0-9]+(h|m|s))+$"}


def one_of(*values):
    return {"enum": list(values)}


def fields(**properties):
    """An object with no other fields. A trailing underscore marks a required one."""
    required = [name.rstrip("_") for name in properties if name.endswith("_")]
    properties = {name.rstrip("_"): schema for name, schema in properties.items()}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def map_of(schema):
    return {"type": "object", "additionalProperties": schema, "minProperties": 1}


def list_of(schema):
    return {"type": "array", "items": schema, "minItems": 1}


METADATA = fields(name_=TEXT, namespace_=TEXT)
ACCOUNT = fields(name_=TEXT, audiences=TEXTS)
LOGIN = fields(kubernetes_=fields(mountPath_=TEXT, role_=TEXT, serviceAccountRef_=ACCOUNT))
GENERATOR = fields(apiVersion_=TEXT, kind_=one_of("VaultDynamicSecret"), name_=TEXT)

KINDS = {
    "external-secrets.io/v1 SecretStore": fields(
        provider_=fields(
            aws=fields(
                service_=one_of("SecretsManager", "ParameterStore"),
                region_=TEXT,
                auth_=fields(jwt_=fields(serviceAccountRef_=ACCOUNT)),
            ),
            vault=fields(server_=TEXT, path_=TEXT, version_=one_of("v1", "v2"), auth_=LOGIN),
        )
    ),
    "external-secrets.io/v1 ExternalSecret": fields(
        refreshInterval_=DURATION,
        secretStoreRef=fields(kind_=one_of("SecretStore", "ClusterSecretStore"), name_=TEXT),
        target_=fields(name_=TEXT, template=fields(data_=map_of(TEXT))),
        data=list_of(fields(secretKey_=TEXT, remoteRef_=fields(key_=TEXT, property_=TEXT))),
        dataFrom=list_of(fields(sourceRef_=fields(generatorRef_=GENERATOR))),
    ),
    "generators.external-secrets.io/v1alpha1 VaultDynamicSecret": fields(
        path_=TEXT,
        method=one_of("GET"),
        getParameters=map_of(TEXTS),
        resultType=one_of("Data", "Auth", "Raw"),
        provider_=fields(server_=TEXT, auth_=LOGIN),
    ),
    "secrets.hashicorp.com/v1beta1 VaultConnection": fields(address_=TEXT, skipTLSVerify_=one_of(False)),
    "secrets.hashicorp.com/v1beta1 VaultAuth": fields(
        vaultConnectionRef_=TEXT,
        method_=one_of("kubernetes"),
        mount_=TEXT,
        kubernetes_=fields(role_=TEXT, serviceAccount_=TEXT, audiences_=TEXTS, tokenExpirationSeconds={"minimum": 600}),
    ),
    "secrets.hashicorp.com/v1beta1 VaultDynamicSecret": fields(
        vaultAuthRef_=TEXT,
        mount_=TEXT,
        path_=TEXT,
        allowStaticCreds_=YES_OR_NO,
        destination_=fields(
            name_=TEXT, create_=YES_OR_NO, transformation_=fields(excludeRaw_=YES_OR_NO, includes_=TEXTS)
        ),
        rolloutRestartTargets=list_of(
            fields(kind_=one_of("Deployment", "DaemonSet", "StatefulSet", "argo.Rollout"), name_=TEXT)
        ),
    ),
    "secrets-store.csi.x-k8s.io/v1 SecretProviderClass": fields(
        provider_=one_of("openbao", "vault", "aws"), parameters_=map_of(TEXT)
    ),
}

# The list in `objects` of a SecretProviderClass, which the provider parses.
OBJECTS = {
    "openbao": list_of(fields(objectName_=TEXT, secretPath_=TEXT, secretKey_=TEXT)),
    "aws": list_of(
        fields(
            objectName_=TEXT,
            objectAlias=TEXT,
            objectType=one_of("secretsmanager"),
            objectVersionLabel_=TEXT,
            jmesPath_=list_of(fields(path_=TEXT, objectAlias_=TEXT)),
        )
    ),
}
PARAMETERS = {
    "openbao": fields(openbaoAddress_=TEXT, roleName_=TEXT, audience_=TEXT, objects_=TEXT),
    "aws": fields(region_=TEXT, objects_=TEXT),
}


class Loader(yaml.SafeLoader):
    """Rejects a key that occurs twice."""


def no_duplicates(loader, node):
    pairs = loader.construct_pairs(node, deep=True)
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.YAMLError(f"{key} occurs twice")
    return dict(pairs)


Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, no_duplicates)


def validate(document):
    kind = f"{document['apiVersion']} {document['kind']}"
    if kind not in KINDS:
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)
        return
    jsonschema.validate(
        document, fields(apiVersion_=TEXT, kind_=TEXT, metadata_=METADATA, spec_=KINDS[kind])
    )
    if document["kind"] == "SecretProviderClass":
        provider, parameters = document["spec"]["provider"], document["spec"]["parameters"]
        jsonschema.validate(parameters, PARAMETERS[provider])
        document["objects"] = yaml.load(parameters["objects"], Loader)
        jsonschema.validate(document["objects"], OBJECTS[provider])


def main(directory):
    files, errors = {}, []
    for path in sorted(pathlib.Path(directory).glob("*.yaml")):
        try:
            files[path.name] = list(yaml.load_all(path.read_text(), Loader))
        except yaml.YAMLError as error:
            errors.append(f"{path.name}: {error}")
            continue
        for document in files[path.name]:
            try:
                validate(document)
            except (jsonschema.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                errors.append(f"{path.name}: {document['kind']}: {error.message}")
    print(json.dumps({"files": files, "errors": errors}))


main(sys.argv[1])
