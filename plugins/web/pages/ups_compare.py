"""`ups_compare`: the canned query whose columns are the UPSes, made for those there are when it is asked for."""

from plugins.web.query import select

MOST = 100  # columns


def comparison(names):
    """SQL with one column for each (id, name); `differs` is 1 where they do not all have the same value."""
    columns = "".join(
        f"""\n    max(case when ups = {int(number)} then value end) as "{name.replace('"', '""')}","""
        for number, name in names
    )
    shown = "".join(f""" "{name.replace('"', '""')}",""" for _, name in names)
    return f"""select label, unit,{shown} differs, variable from (
  select variable_label(variable) as label, variable_unit(variable) as unit,{columns}
    cast(count(distinct value) > 1 or count(*) < {len(names)} as integer) as differs, variable
  from ups_variables where ups in ({", ".join(str(int(number)) for number, _ in names)})
    and variable like '%' || :variable || '%'
  group by variable
) where :differing in ('', '0') or differs
order by variable_order(variable), variable"""


async def compare_query(datasette, query):
    """The query of metadata.yml, {} where there is no UPS, with the SQL for the UPSes of the config."""
    rows = await select(datasette, f"select id, name from ups where configured order by id limit {MOST}")
    if not rows:
        return {}
    return {"ups_compare": {**query, "sql": comparison([(row["id"], row["name"]) for row in rows])}}
