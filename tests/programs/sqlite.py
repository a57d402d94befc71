# SPDX-License-Identifier: MIT OR Apache-2.0
"""sqlite3: hundreds of thousands of rows in memory and in a file; joins, indices, windows, text."""

NEEDS = {"/usr/bin/sqlite3": "sqlite3"}

# No random(): columns come from the row number, multiplied by large constants.
FILL = """
pragma synchronous = off;
create table item(id integer primary key, owner integer, price real, name text, note blob);
create table owner(id integer primary key, name text unique, region text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
  insert into owner select i, printf('owner %x', i * 2654435761 % 1000003 + i * 1000003),
    'region ' || (i * 40503 % 37) from n;
begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000)
  insert into item select i, i * 48271 % 2000 + 1, (i * 69621 % 1000003) / 100.0,
    printf('%.*c item %d', i % 50, 'x', i * 16807 % 2147483647), zeroblob(i * 7 % 90) from n;
commit;
create index item_owner on item(owner, price);
create index item_name on item(name);
"""

ASK = """
select count(*), sum(price), min(name), max(name), sum(length(note)) from item;
select region, count(*), round(avg(price), 6), group_concat(distinct substr(item.name, -2))
  from item join owner on owner.id = item.owner group by region order by region;
select owner.name, count(*) as items, total(price) as total from item join owner
  on owner.id = item.owner group by owner.id order by total desc, owner.id limit 50;
select id, price, rank() over (partition by owner order by price, id) as place,
  sum(price) over (partition by owner order by id rows 20 preceding)
  from item where owner % 500 = 7 order by id;
select name, id from item where name like '%x item 1234%' or name glob '*99999?' order by name;
select count(*) from item a join item b on b.name = substr(a.name, 2) where a.owner < 1500;
select sum(length(json_group)) from (
  select json_group_array(json_object('id', id, 'name', name, 'price', price)) as json_group
  from item group by owner);
"""

CHANGE = """
begin;
update item set name = replace(name, 'x', 'yz'), note = zeroblob(3) where id % 3 = 0;
delete from item where id % 7 = 0;
insert into item
  select id + 1000000, owner, price * 2, upper(name), note from item where id % 5 = 0;
savepoint inner; delete from item where id % 2 = 0; rollback to inner;
commit;
pragma integrity_check;
"""


def run(session):
    for place in (":memory:", "database"):
        session.command(
            f"script on {place}",
            *("/usr/bin/sqlite3", "-batch", "-bail", place),
            stdin=(FILL + ASK + CHANGE + ASK + "vacuum;\n" + ASK).encode(),
            seconds=120,
        )
    session.command("dump", "/usr/bin/sqlite3", "database", ".dump")
    session.command("file", "/usr/bin/sha256sum", "database")
