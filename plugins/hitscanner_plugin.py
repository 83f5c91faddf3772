"""What hitscanner adds to Airflow's UI: a page with the cycles. Registration only, no logic."""

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
        }
    ]
