"""Resource types that applications declare and that have no effect here: networks, alarms, firewalls and the like.

They are accepted so that an application's template stands as it is, and their `Ref` and attributes resolve to values of
AWS's form. Nothing acts on them; the compatibility report lists every property of theirs as without effect.
"""

from __future__ import annotations

import hashlib
from typing import Any

from dayfly.app.resources import Physical, Properties, Replace, ResourceType, Site
from dayfly.app.resources.lambda_ import generated
from dayfly.identity.names import partition_of


class _Everything(frozenset[str]):
    """Contains any property."""

    def __contains__(self, key: object) -> bool:
        return True


class Inert:
    """`ref` and `attributes` are templates: {name} given or made up, {id} 17 hex digits, {account}, {region}."""

    known: frozenset[str] = frozenset()
    ignored: frozenset[str] = _Everything()
    no_effect = True

    def __init__(self, ref: str = "{name}", *, name: str = "Name", **attributes: str) -> None:
        self._ref = ref
        self._name = name
        self._attributes = attributes

    async def create(self, site: Site, logical_id: str, properties: Properties) -> Physical:
        given = properties.get(self._name)
        values = {
            "name": given if isinstance(given, str) else generated(site, logical_id, 64),
            "id": hashlib.sha256(f"{site.stack_id}/{logical_id}".encode()).hexdigest()[:17],
            "account": site.scope.account,
            "region": site.scope.region,
            "aws": partition_of(site.scope.region),
        }
        attributes: dict[str, Any] = {key: text.format(**values) for key, text in self._attributes.items()}
        return Physical(id=self._ref.format(**values), attributes=attributes)

    async def update(
        self, site: Site, physical: Physical, before: Properties, after: Properties, logical_id: str
    ) -> Physical:
        if before.get(self._name) != after.get(self._name):
            raise Replace
        return physical

    async def delete(self, site: Site, physical: Physical, properties: Properties) -> None:
        return


def _arn(service: str, resource: str) -> str:
    return f"arn:{{aws}}:{service}:{{region}}:{{account}}:{resource}"


def _global(service: str, resource: str) -> str:
    return f"arn:{{aws}}:{service}::{{account}}:{resource}"


TYPES: dict[str, ResourceType] = {
    "AWS::CloudWatch::Alarm": Inert(name="AlarmName", Arn=_arn("cloudwatch", "alarm:{name}")),
    "AWS::CloudWatch::CompositeAlarm": Inert(name="AlarmName", Arn=_arn("cloudwatch", "alarm:{name}")),
    "AWS::CloudWatch::AnomalyDetector": Inert("{id}", Id="{id}"),
    "AWS::CloudWatch::Dashboard": Inert(name="DashboardName"),
    "AWS::Logs::MetricFilter": Inert(name="FilterName"),
    "AWS::Logs::QueryDefinition": Inert("{id}", QueryDefinitionId="{id}"),
    "AWS::ApplicationInsights::Application": Inert(
        _arn("applicationinsights", "application/resource-group/{name}"),
        ApplicationARN=_arn("applicationinsights", "application/resource-group/{name}"),
    ),
    "AWS::ResourceGroups::Group": Inert(Arn=_arn("resource-groups", "group/{name}")),
    "AWS::ServiceCatalogAppRegistry::Application": Inert(
        "{id}", Id="{id}", Arn=_arn("servicecatalog", "/applications/{id}")
    ),
    "AWS::XRay::Group": Inert(_arn("xray", "group/{name}"), name="GroupName", GroupARN=_arn("xray", "group/{name}")),
    "AWS::XRay::SamplingRule": Inert(
        _arn("xray", "sampling-rule/{name}"), RuleARN=_arn("xray", "sampling-rule/{name}")
    ),
    "AWS::EC2::VPC": Inert(
        "vpc-{id}",
        VpcId="vpc-{id}",
        CidrBlock="10.0.0.0/16",
        DefaultSecurityGroup="sg-{id}",
        DefaultNetworkAcl="acl-{id}",
    ),
    "AWS::EC2::Subnet": Inert(
        "subnet-{id}", SubnetId="subnet-{id}", AvailabilityZone="{region}a", VpcId="vpc-{id}", CidrBlock="10.0.0.0/24"
    ),
    "AWS::EC2::SecurityGroup": Inert("sg-{id}", GroupId="sg-{id}", Id="sg-{id}", VpcId="vpc-{id}"),
    "AWS::EC2::SecurityGroupIngress": Inert("sgr-{id}", Id="sgr-{id}"),
    "AWS::EC2::SecurityGroupEgress": Inert("sgr-{id}", Id="sgr-{id}"),
    "AWS::EC2::InternetGateway": Inert("igw-{id}", InternetGatewayId="igw-{id}"),
    "AWS::EC2::EgressOnlyInternetGateway": Inert("eigw-{id}", Id="eigw-{id}"),
    "AWS::EC2::VPCGatewayAttachment": Inert("IGW|vpc-{id}"),
    "AWS::EC2::NatGateway": Inert("nat-{id}", NatGatewayId="nat-{id}"),
    "AWS::EC2::EIP": Inert("192.0.2.1", AllocationId="eipalloc-{id}", PublicIp="192.0.2.1"),
    "AWS::EC2::RouteTable": Inert("rtb-{id}", RouteTableId="rtb-{id}"),
    "AWS::EC2::Route": Inert("rtb-{id}|0.0.0.0/0", CidrBlock="0.0.0.0/0"),
    "AWS::EC2::SubnetRouteTableAssociation": Inert("rtbassoc-{id}", Id="rtbassoc-{id}"),
    "AWS::EC2::NetworkAcl": Inert("acl-{id}", Id="acl-{id}"),
    "AWS::EC2::NetworkAclEntry": Inert("{id}", Id="{id}"),
    "AWS::EC2::SubnetNetworkAclAssociation": Inert("aclassoc-{id}", AssociationId="aclassoc-{id}"),
    "AWS::EC2::VPCEndpoint": Inert(
        "vpce-{id}",
        Id="vpce-{id}",
        DnsEntries="Z0123456789ABCDEFGHIJ:vpce-{id}.vpce.{region}.amazonaws.com",
        NetworkInterfaceIds="eni-{id}",
        CreationTimestamp="2020-01-01T00:00:00Z",
    ),
    "AWS::EC2::FlowLog": Inert("fl-{id}", Id="fl-{id}"),
    "AWS::Cognito::IdentityPoolRoleAttachment": Inert("{id}", Id="{id}"),
    "AWS::Cognito::UserPoolRiskConfigurationAttachment": Inert("{id}"),
    "AWS::Cognito::UserPoolUICustomizationAttachment": Inert("{id}"),
    "AWS::Logs::ResourcePolicy": Inert(name="PolicyName"),
    "AWS::WAFv2::WebACL": Inert(
        "{name}|{id}|REGIONAL", Arn=_arn("wafv2", "regional/webacl/{name}/{id}"), Id="{id}", Capacity="0"
    ),
    "AWS::WAFv2::WebACLAssociation": Inert("{id}"),
    "AWS::WAFv2::IPSet": Inert("{name}|{id}|REGIONAL", Arn=_arn("wafv2", "regional/ipset/{name}/{id}"), Id="{id}"),
    "AWS::WAFRegional::WebACL": Inert("{id}"),
    "AWS::WAFRegional::WebACLAssociation": Inert("{id}"),
    "AWS::Budgets::Budget": Inert("{name}", name="BudgetName"),
    "AWS::CodeDeploy::Application": Inert(name="ApplicationName"),
    "AWS::CodeDeploy::DeploymentGroup": Inert(name="DeploymentGroupName"),
    "AWS::Lambda::CodeSigningConfig": Inert(
        _arn("lambda", "code-signing-config:csc-{id}"),
        CodeSigningConfigArn=_arn("lambda", "code-signing-config:csc-{id}"),
        CodeSigningConfigId="csc-{id}",
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": Inert("{id}", Id="{id}"),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Inert(
        _arn("autoscaling", "scalingPolicy:{id}"), Arn=_arn("autoscaling", "scalingPolicy:{id}")
    ),
    "AWS::Route53::RecordSet": Inert(),
    "AWS::Route53::RecordSetGroup": Inert(),
    "AWS::Route53::HostedZone": Inert("Z{id}", Id="Z{id}"),
    "AWS::CertificateManager::Certificate": Inert(
        _arn("acm", "certificate/{id}"), name="DomainName", CertificateArn=_arn("acm", "certificate/{id}")
    ),
    "AWS::CloudFront::Distribution": Inert("E{id}", Id="E{id}", DomainName="d{id}.cloudfront.net"),
    "AWS::CloudFront::CloudFrontOriginAccessIdentity": Inert("E{id}", Id="E{id}", S3CanonicalUserId="{id}"),
    "AWS::CloudFront::OriginAccessControl": Inert("E{id}", Id="E{id}"),
    "AWS::CloudFront::CachePolicy": Inert("{id}", Id="{id}"),
    "AWS::CloudFront::OriginRequestPolicy": Inert("{id}", Id="{id}"),
    "AWS::CloudFront::ResponseHeadersPolicy": Inert("{id}", Id="{id}"),
    "AWS::CloudFront::Function": Inert(FunctionARN=_global("cloudfront", "function/{name}")),
    "AWS::Events::EventBusPolicy": Inert("{id}", name="StatementId"),
    "AWS::IAM::User": Inert(name="UserName", Arn=_global("iam", "user/{name}")),
    "AWS::IAM::Group": Inert(name="GroupName", Arn=_global("iam", "group/{name}")),
    "AWS::IAM::UserPolicy": Inert(name="PolicyName"),
    "AWS::IAM::GroupPolicy": Inert(name="PolicyName"),
    "AWS::IAM::UserToGroupAddition": Inert(),
    "AWS::IAM::AccessKey": Inert("AKIA{id}", SecretAccessKey="{id}{id}"),
    "AWS::IAM::InstanceProfile": Inert(name="InstanceProfileName", Arn=_global("iam", "instance-profile/{name}")),
    "AWS::IAM::ServiceLinkedRole": Inert(name="AWSServiceName", RoleName="{name}"),
    "AWS::IAM::OIDCProvider": Inert(_global("iam", "oidc-provider/{name}"), Arn=_global("iam", "oidc-provider/{name}")),
    "AWS::CloudFormation::WaitConditionHandle": Inert("{id}"),
    "AWS::CDK::Metadata": Inert("{id}"),
}
