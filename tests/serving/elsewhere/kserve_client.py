"""Run in KServe's environment: drives a server by the SDK's own REST client."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def main(url: str, name: str, rows: list[list[float]]) -> None:
    """Ask everything the client can ask; print what it made of the answers."""
    told = {}
    for protocol in ("v1", "v2"):
        config = RESTConfig(protocol=protocol, retries=0)
        async with InferenceRESTClient(config) as client:
            told[f"{protocol} live"] = await client.is_server_live(url)
            told[f"{protocol} model ready"] = await client.is_model_ready(url, name)
            if protocol == "v1":
                answer = await client.infer(url, {"instances": rows}, model_name=name)
                told["v1 predict"] = answer["predictions"]
                explained = await client.explain(
                    url, model_name=name, data={"instances": rows}
                )
                told["v1 explain"] = len(explained["explanations"])
                continue
            told["v2 ready"] = await client.is_server_ready(url)
            tensor = InferInput("features", [len(rows), len(rows[0])], "FP64")
            tensor.set_data_from_numpy(np.array(rows), binary_data=False)
            request = InferRequest(name, [tensor], request_id="42")
            answer = await client.infer(url, request, model_name=name)
            told["v2 infer"] = {one.name: one.data for one in answer.outputs}
            told["v2 id"] = answer.id
    print(json.dumps(told))


asyncio.run(main(sys.argv[1], sys.argv[2], json.load(sys.stdin)))
