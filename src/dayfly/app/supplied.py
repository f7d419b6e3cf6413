"""Modules that CloudFormation puts beside the inline code of a function, for custom resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-lambda-function-code-cfnresponsemodule.html
"""

from __future__ import annotations

import re

_PYTHON = """\
import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    body = json.dumps(
        {
            "Status": responseStatus,
            "Reason": reason or "See the details in CloudWatch Log Stream: " + context.log_stream_name,
            "PhysicalResourceId": physicalResourceId or context.log_stream_name,
            "StackId": event["StackId"],
            "RequestId": event["RequestId"],
            "LogicalResourceId": event["LogicalResourceId"],
            "NoEcho": noEcho,
            "Data": responseData,
        }
    ).encode()
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT", headers={"Content-Type": ""})
    try:
        urllib.request.urlopen(request).read()
    except Exception as error:
        print("send(..) failed executing the answer:", error)
"""
_NODE = """\
const https = require("https");
exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";
exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: "See the details in CloudWatch Log Stream: " + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  return new Promise((resolve) => {
    const done = () => { if (context.done) context.done(); resolve(); };
    const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
    const request = https.request(event.ResponseURL, { method: "PUT", headers }, (answer) => {
      answer.resume();
      answer.on("end", done);
    });
    request.on("error", (error) => { console.log("send(..) failed: " + error); done(); });
    request.end(body);
  });
};
"""
_MODULE_SYNTAX = re.compile(r"^\s*(export\s+(const|let|var|default|async|function|class|\{)|import\s.+\sfrom\s)", re.M)


def inline_files(code: str, runtime: str) -> dict[str, str]:
    """What a function's directory holds: its code under the name that AWS gives it, and the modules it asks for."""
    if runtime.startswith("python"):
        return {"index.py": code} | ({"cfnresponse.py": _PYTHON} if "cfnresponse" in code else {})
    name = "index.mjs" if _MODULE_SYNTAX.search(code) else "index.js"
    return {name: code} | ({"node_modules/cfn-response/index.js": _NODE} if "cfn-response" in code else {})
