"""Makes data/machines.csv and data/machines.xlsx: the same 200 machines each time, none of them real."""

import random
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

DATA = Path(__file__).resolve().parent.parent / "data"
SITES = {"Nordhafen": ["nord-a", "nord-b", "nord-gpu"], "Suedtor": ["sued-a", "sued-b"], "Westend": ["west-lab"]}
SYSTEMS = {
    "Debian GNU/Linux 12 (64-bit)": 40,
    "Red Hat Enterprise Linux 9 (64-bit)": 30,
    "Microsoft Windows Server 2022 (64-bit)": 35,
    "Ubuntu Linux (64-bit)": 20,
    "Microsoft Windows Server 2016 (64-bit)": 10,
    "FreeBSD 14 (64-bit)": 3,
}
ROLES = ["web", "db", "app", "cache", "mail", "build", "monitor", "backup", "dns", "file"]
OWNERS = ["billing", "platform", "research", "sales", "logistics", None]


def machine(number: int, pick: random.Random) -> dict:
    site = pick.choices(list(SITES), weights=[5, 3, 1])[0]
    cluster = pick.choice(SITES[site])
    cpus = pick.choice([1, 2, 2, 4, 4, 8, 16])
    disk = round(pick.choice([20, 40, 60, 100, 250, 500]) * pick.uniform(0.9, 1.1), 1)
    power = pick.choices(["poweredOn", "poweredOff", "suspended"], weights=[84, 14, 2])[0]
    return {
        "VM": f"{pick.choice(ROLES)}-{site[:4].lower()}-{number:03d}",
        "Datacenter": site,
        "Cluster": cluster,
        "Host": f"esx-{cluster}-{pick.randint(1, 6):02d}.example.net",
        "Powerstate": power,
        "OS": pick.choices(list(SYSTEMS), weights=list(SYSTEMS.values()))[0],
        "CPUs": cpus,
        "Memory MiB": cpus * pick.choice([1024, 2048, 4096]),
        "Provisioned GiB": disk,
        "In use GiB": round(disk * pick.uniform(0.05, 0.95), 1),
        # 192.0.2.0/24 is kept for documents (RFC 5737).
        "Primary IP": f"192.0.2.{number % 254 + 1}" if power == "poweredOn" else None,
        "Owner": pick.choice(OWNERS),
        "Creation date": (date(2019, 1, 7) + timedelta(days=pick.randint(0, 2300))).isoformat(),
    }


def main() -> None:
    pick = random.Random(20190107)
    frame = pd.DataFrame([machine(number, pick) for number in range(1, 201)])
    DATA.mkdir(exist_ok=True)
    frame.to_csv(DATA / "machines.csv", index=False, lineterminator="\n")
    with pd.ExcelWriter(DATA / "machines.xlsx", engine="openpyxl") as book:
        frame.to_excel(book, sheet_name="vInfo", index=False)


if __name__ == "__main__":
    main()
