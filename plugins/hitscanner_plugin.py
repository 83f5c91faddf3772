"""What hitscanner adds to Airflow's UI: pages of cycles and drives. Registration only."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from hitscanner_airflow.cycles_page import LazyApp


class HitscannerPlugin(AirflowPlugin):
    """Mounts our pages under /hitscanner, behind Airflow's own login."""

    name = "hitscanner"
    fastapi_apps: list[Any] = [  # noqa: RUF012 Airflow reads it from the class
        {"app": LazyApp(), "url_prefix": "/hitscanner", "name": "hitscanner"}
    ]
    external_views: list[Any] = [  # noqa: RUF012 likewise
        {
            "name": "Cycles",
            "href": "/hitscanner/cycles",
            "destination": "nav",
            "category": "browse",
            "url_route": "cycles",
        },
        {
            "name": "Drives",
            "href": "/hitscanner/drives",
            "destination": "nav",
            "category": "browse",
            "url_route": "drives",
        },
        {
            "name": "Drives",
            "href": "/hitscanner/drives?run={RUN_ID}",
            "destination": "dag_run",
            "url_route": "run-drives",
        },
    ]
