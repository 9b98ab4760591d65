"""The view of the radio network: every node with its way to the gateway, in hops and in words."""

# A node has one parent, so what is reached from the gateway is a tree. What is reached neither from there nor from a
# node whose parent is not known or is no node goes round in a loop.
RADIO_TREE = """
with recursive ways (id, gateway, node_id, hops, route) as (
  select 256 * id, id, 0, 0, 'gateway' from gateways
union all
  select n.id, n.gateway, n.node_id, null, case when n.parent_node_id is null then 'unknown' else 'missing' end
  from nodes n
  where n.node_id <> 0 and (n.parent_node_id is null
    or n.parent_node_id <> 0 and not exists (select 1 from nodes p where p.id = 256 * n.gateway + n.parent_node_id))
union all
  select n.id, n.gateway, n.node_id, w.hops + 1, case w.route when 'gateway' then 'reached' else w.route end
  from ways w join nodes n on n.gateway = w.gateway and n.parent_node_id = w.node_id and n.node_id <> 0
)
select o.id, o.name, o.gateway, o.node_id, o.state, o.reason, o.role, o.parent_node_id, o.parent,
  cast(w.hops as integer) as hops, coalesce(w.route, 'loop') as route,
  case
    when w.route = 'gateway' then 'the gateway'
    when w.hops = 1 then 'straight to the gateway'
    when w.hops > 1 then w.hops || ' hops to the gateway'
    when o.parent_node_id is null then 'its parent is not known'
    when w.route = 'missing' and o.parent is null then 'its parent, node ' || o.parent_node_id || ', was never heard'
    when w.route is null then 'its way goes round in a loop'
    else 'its way is not known beyond ' || coalesce(o.parent, 'node ' || o.parent_node_id)
  end as way,
  (select count(*) from nodes c where c.gateway = o.id / 256 and c.node_id <> 0 and c.parent_node_id = o.node_id) as hears,
  o.signal, o.arc, o.last_seen_at, o.silent_s, o.usual_interval_s, o.battery_level, o.location, o.sketch_name, o.href
from node_overview o left join ways w on w.id = o.id
"""

RADIO_VIEWS = {"radio_tree": RADIO_TREE}
