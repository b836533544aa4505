"""The dashboard: streamlit run src/dashboard/app.py"""

import pandas as pd
import plotly.express as px
import streamlit as st

from src.dashboard.data import load_frame
from src.tables import summary_by


def overview(frame: pd.DataFrame) -> None:
    running = frame[frame["power"] == "poweredOn"]
    for column, (label, value) in zip(
        st.columns(4),
        {
            "Machines": f"{len(frame):,}",
            "Running": f"{len(running):,}",
            "CPUs": f"{frame['cpus'].sum():,}",
            "Memory, GiB": f"{frame['memory_mib'].sum() / 1024:,.0f}",
        }.items(),
    ):
        column.metric(label, value)
    clusters = summary_by(frame, "cluster")
    st.plotly_chart(px.bar(clusters, x="cluster", y="memory_gib", color="machines", title="Memory of each cluster"))
    st.plotly_chart(px.pie(summary_by(frame, "os"), names="os", values="machines", title="Operating systems"))


def storage(frame: pd.DataFrame) -> None:
    frame = frame.assign(free=frame["disk_gib"] - frame["used_gib"])
    st.plotly_chart(
        px.treemap(frame, path=["datacenter", "cluster", "name"], values="disk_gib", title="Provisioned disk")
    )
    st.subheader("Most provisioned and not in use")
    st.dataframe(frame.nlargest(20, "free")[["name", "cluster", "disk_gib", "used_gib", "free"]], hide_index=True)


def machines(frame: pd.DataFrame) -> None:
    wanted = st.text_input("Name contains")
    if wanted:
        frame = frame[frame["name"].str.contains(wanted, case=False, regex=False)]
    st.caption(f"{len(frame)} machines")
    st.dataframe(frame, hide_index=True)


PAGES = {"Overview": overview, "Storage": storage, "Machines": machines}


def main() -> None:
    st.set_page_config(page_title="Inventory", layout="wide")
    st.title("Inventory of virtual machines")
    frame, sample = load_frame()
    if sample:
        st.info("This is the sample: `inventory load` brings your own machines.")
    if frame.empty:
        st.warning("No machines: `inventory load` brings some.")
        return
    page = st.sidebar.radio("Page", list(PAGES))
    cluster = st.sidebar.selectbox("Cluster", ["All", *sorted(frame["cluster"].unique())])
    if cluster != "All":
        frame = frame[frame["cluster"] == cluster]
    PAGES[page](frame)


main()
