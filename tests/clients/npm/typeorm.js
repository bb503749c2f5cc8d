// TypeORM: synchronize twice (the second run must find nothing to change),
// relations, migrations, transactions.
import 'reflect-metadata';
import { DataSource, EntitySchema, In } from 'typeorm';
import mysql from 'mysql2/promise';
import { server, equal, fails, run } from './server.js';

const user = (more = {}) => new EntitySchema({ name: 'User', tableName: 'users', columns: {
  id: { type: 'int', primary: true, generated: true, unsigned: true },
  name: { type: 'varchar', length: 80, unique: true, comment: 'it\'s a name' },
  age: { type: 'smallint', unsigned: true, default: 18 },
  big: { type: 'bigint', nullable: true },
  balance: { type: 'decimal', precision: 20, scale: 4, default: '1.5000' },
  ratio: { type: 'double', default: 1 },
  active: { type: 'boolean', default: true },
  kind: { type: 'enum', enum: ['a', 'b', 'it s'], default: 'a' },
  flags: { type: 'set', enum: ['p', 'q'], nullable: true },
  extra: { type: 'json', nullable: true },
  photo: { type: 'longblob', nullable: true },
  code: { type: 'char', length: 8, collation: 'utf8mb4_bin', default: '' },
  bits: { type: 'bit', nullable: true },
  at: { type: 'datetime', precision: 6, default: () => 'CURRENT_TIMESTAMP(6)', onUpdate: 'CURRENT_TIMESTAMP(6)' },
  stamp: { type: 'timestamp', default: () => 'CURRENT_TIMESTAMP' },
  day: { type: 'date', nullable: true },
  clock: { type: 'time', nullable: true },
  year: { type: 'year', nullable: true },
  text: { type: 'mediumtext', nullable: true },
  twice: { type: 'int', generatedType: 'STORED', asExpression: 'age * 2' },
  half: { type: 'int', generatedType: 'VIRTUAL', asExpression: 'age / 2' },
  made: { type: 'datetime', createDate: true },
  changed: { type: 'datetime', updateDate: true },
  version: { type: 'int', version: true },
  ...more,
}, indices: [{ name: 'by_age', columns: ['age', 'kind'] }],
relations: { posts: { type: 'one-to-many', target: 'Post', inverseSide: 'user', cascade: true } } });

const post = new EntitySchema({ name: 'Post', columns: { id: { type: 'varchar', length: 36, primary: true, generated: 'uuid' }, title: { type: 'varchar' } },
  relations: { user: { type: 'many-to-one', target: 'User', inverseSide: 'posts', onDelete: 'CASCADE', joinColumn: true },
    tags: { type: 'many-to-many', target: 'Tag', joinTable: true, cascade: true } } });
const tag = new EntitySchema({ name: 'Tag', columns: { name: { type: 'varchar', length: 30, primary: true }, lang: { type: 'char', length: 2, primary: true } } });

const source = (entities, more = {}) => new DataSource({ type: 'mysql', connectorPackage: 'mysql2', ...{ host: server.host, port: server.port, username: server.user },
  database: 'typeorm', timezone: 'Z', entities, ...more });

async function changes(entities) {
  const s = await source(entities).initialize();
  const log = await s.driver.createSchemaBuilder().log();
  await s.destroy();
  return log.upQueries.map(q => q.query);
}

class Change1700000000000 {
  async up(q) {
    await q.query('CREATE TABLE m (id INT PRIMARY KEY, s VARCHAR(10))');
    const t = await q.getTable('m');
    await q.changeColumn(t, 's', Object.assign(t.findColumnByName('s').clone(), { length: '40', isNullable: false, default: "'x'" }));
    await q.renameColumn('m', 's', 'text');
  }
  async down(q) { await q.dropTable('m'); }
}

class More1700000000001 {
  async up(q) { await q.query('ALTER TABLE m ADD n INT NOT NULL DEFAULT 3, ADD INDEX by_n (n)'); }
  async down(q) { await q.query('ALTER TABLE m DROP INDEX by_n, DROP COLUMN n'); }
}

run(async () => {
  const root = await mysql.createConnection(server);
  await root.query('DROP DATABASE IF EXISTS typeorm');
  await root.query('CREATE DATABASE typeorm');
  const entities = [user(), post, tag];
  const db = await source(entities, { synchronize: true }).initialize();
  equal(await changes(entities), [], 'the second synchronize finds nothing to change');

  const users = db.getRepository('User');
  const at = new Date(Date.UTC(2024, 1, 29, 12, 30, 45));
  const saved = await users.save({ name: 'Åsa', age: 41, big: '9223372036854775807', balance: '-12345678.1234', ratio: 0.5, kind: 'it s', flags: ['p', 'q'], extra: { a: [1, null] }, photo: Buffer.from([0, 255]),
    code: 'x', day: '1999-12-31', clock: '-12:00:00', year: 2024, at, posts: [{ title: 'one', tags: [{ name: 'p', lang: 'en' }, { name: 'q', lang: 'en' }] }, { title: 'two', tags: [] }] });
  equal([saved.twice, saved.half, saved.version], [82, 21, 1], 'generated columns after save');
  const got = await users.findOne({ where: { name: 'Åsa' }, relations: { posts: { tags: true } }, order: { posts: { title: 'ASC', tags: { name: 'ASC' } } } });
  equal([got.big, got.balance, got.ratio, got.active, got.kind, got.flags, got.extra, got.photo, got.code, got.day, got.clock, got.year, got.at, got.posts.map(p => p.tags.map(t => t.name))],
    ['9223372036854775807', '-12345678.1234', 0.5, true, 'it s', ['p', 'q'], { a: [1, null] }, Buffer.from([0, 255]), 'x', '1999-12-31', '-12:00:00', 2024, at, [['p', 'q'], []]], 'rows with relations');
  await users.insert(Array.from({ length: 30 }, (_, i) => ({ name: `n${i}`, age: i })));
  await users.upsert([{ name: 'n1', age: 77 }], ['name']);
  equal((await users.findOneBy({ name: 'n1' })).age, 77, 'upsert');
  const [page, n] = await users.findAndCount({ where: { name: In(['n1', 'n2', 'n3']) }, relations: { posts: true }, order: { age: 'DESC' }, take: 2, skip: 1 });
  equal([page.map(u => u.age), n], [[3, 2], 3], 'a page and its count');
  equal(await users.createQueryBuilder('u').select('u.kind', 'kind').addSelect('COUNT(*)', 'n').leftJoin('u.posts', 'p').groupBy('u.kind').orderBy('kind').getRawMany(),
    [{ kind: 'a', n: '30' }, { kind: 'it s', n: '2' }], 'groups');
  await fails(users.insert({ name: 'n1' }), 1062, 'a second user of that name');
  await fails(db.transaction('READ COMMITTED', async m => {
    await m.increment('User', { kind: 'it s' }, 'age', 1);
    await m.findOne('User', { where: { name: 'Åsa' }, lock: { mode: 'pessimistic_write' } });
    await m.insert('Post', { title: 'x', user: { id: 4711 } });
  }), 1452, 'a transaction');
  equal((await users.findOneBy({ name: 'Åsa' })).age, 41, 'it was rolled back');
  await users.remove(got);
  equal(await db.getRepository('Post').count(), 0, 'ON DELETE CASCADE');

  const later = [user({ age: { type: 'smallint', unsigned: true, default: 3 }, balance: { type: 'decimal', precision: 24, scale: 6, default: '2.000000' }, nick: { type: 'varchar', length: 10, nullable: true }, kind: { type: 'enum', enum: ['a', 'b', 'c', 'it s'], default: 'c' } }), post, tag];
  const second = await source(later, { synchronize: true, migrations: [Change1700000000000, More1700000000001] }).initialize();
  equal(await changes(later), [], 'synchronize to a later version, then nothing to change');
  equal((await second.runMigrations()).length, 2, 'migrations up');
  const q = second.createQueryRunner();
  const m = await q.getTable('m');
  equal(m.columns.map(c => [c.name, c.type, c.length, c.isNullable, c.default ?? null]),
    [['id', 'int', '', false, null], ['text', 'varchar', '40', false, "'x'"], ['n', 'int', '', false, "'3'"]], 'the table they made');
  await second.undoLastMigration();
  await second.undoLastMigration();
  equal([await q.hasTable('m'), await q.hasTable('users'), await q.hasColumn('users', 'nick'), await q.getCurrentDatabase()], [false, true, true, 'typeorm'], 'migrations down');
  await q.release();
  await second.dropDatabase();
  equal((await root.query("SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_schema = 'typeorm'"))[0], [{ n: 0 }], 'dropDatabase');
  await Promise.all([db.destroy(), second.destroy(), root.end()]);
});
