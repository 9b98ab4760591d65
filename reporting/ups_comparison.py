"""The canned query ups_compare, whose columns are the UPSes that there are when it is asked for."""

from collections.abc import Sequence

MOST = 100  # columns
COMPARED = f"select id, name from ups where configured order by id limit {MOST}"


def comparison_sql(upses: Sequence[tuple[int, str]]) -> str:
    """SQL with one column for each (id, name); `differs` is 1 where they do not all have the same value."""
    quoted = [(int(number), '"' + name.replace('"', '""') + '"') for number, name in upses]
    columns = "".join(
        f"\n    max(case when ups = {number} then value end) as {name}," for number, name in quoted
    )
    shown = "".join(f" {name}," for _, name in quoted)
    return f"""select label, unit,{shown} differs, variable from (
  select variable_label(variable) as label, variable_unit(variable) as unit,{columns}
    cast(count(distinct value) > 1 or count(*) < {len(quoted)} as integer) as differs, variable
  from ups_variables where ups in ({", ".join(str(number) for number, _ in quoted)})
    and variable like '%' || :variable || '%'
  group by variable
) where :differing in ('', '0') or differs
order by variable_order(variable), variable"""
