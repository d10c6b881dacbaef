"""Prints, as JSON, what MLflow reads in a file store: mlflow_runs.py DIR

Made for mlflow-skinny 3.4.0. Ends with 77 if there is no mlflow.
"""

import json
import os
import sys

try:
    import mlflow
    from mlflow.tracking import MlflowClient
except ImportError as missing:
    print(missing)
    sys.exit(77)

os.chdir(sys.argv[1])
mlflow.set_tracking_uri("mlruns")
client = MlflowClient()
out = []
for run in mlflow.search_runs(search_all_experiments=True, output_format="list"):
    artifacts = client.list_artifacts(run.info.run_id)
    out.append({
        "experiment": client.get_experiment(run.info.experiment_id).name,
        "name": run.info.run_name,
        "status": run.info.status,
        "tags": run.data.tags,
        "params": run.data.params,
        "metrics": run.data.metrics,
        "history": {name: [[m.step, m.value] for m in client.get_metric_history(run.info.run_id, name)] for name in run.data.metrics},
        "artifacts": [a.path for a in artifacts],
    })
json.dump(out, sys.stdout)
