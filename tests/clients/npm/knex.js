// Knex: migrations with its lock table, the schema builder, columnInfo,
// transactions with savepoints, upserts, streams.
import knex from 'knex';
import { server, equal, fails, run } from './server.js';

const migrations = {
  '1 make': {
    up: s => s.schema.createTable('users', t => {
      t.increments('id');
      t.string('name', 80).notNullable().unique();
      t.integer('age').unsigned().defaultTo(18).comment('in years').index();
      t.decimal('balance', 20, 4).defaultTo('1.5');
      t.boolean('active').notNullable().defaultTo(true);
      t.enu('kind', ['a', 'b']);
      t.json('extra');
      t.uuid('key');
      t.timestamps(true, true);
      t.comment('people');
    }).createTable('posts', t => {
      t.bigIncrements('id');
      t.integer('user_id').unsigned().references('users.id').onDelete('CASCADE').onUpdate('CASCADE');
      t.text('text', 'mediumtext');
      t.dateTime('at', { precision: 6 }).defaultTo(s.fn.now(6));
      t.index(['user_id', 'at'], 'by_user');
    }),
    down: s => s.schema.dropTable('posts').dropTable('users'),
  },
  '2 change': {
    up: async s => {
      await s.schema.alterTable('users', t => {
        t.string('nick', 30).after('name');
        t.bigInteger('age').notNullable().defaultTo(0).alter();
        t.renameColumn('key', 'token');
        t.dropUnique(['name']);
        t.unique(['name', 'nick'], { indexName: 'both' });
        t.check('age < 1000', {}, 'never');
      });
      await s.schema.alterTable('users', t => t.dropChecks('never'));
      await s.schema.renameTable('posts', 'notes');
      await s.schema.createView('grown', v => { v.columns(['id', 'name']); v.as(s('users').select('id', 'name').where('age', '>', 17)); });
    },
    down: async s => {
      await s.schema.dropView('grown').renameTable('notes', 'posts');
      await s.schema.alterTable('users', t => { t.dropUnique([], 'both'); t.dropColumn('nick'); t.renameColumn('token', 'key'); });
      await s.schema.alterTable('users', t => { t.unique(['name']); t.setNullable('age'); });
    },
  },
};

run(async () => {
  const root = knex({ client: 'mysql2', connection: server });
  await root.raw('DROP DATABASE IF EXISTS knex');
  await root.raw('CREATE DATABASE knex');
  await root.destroy();
  const db = knex({ client: 'mysql2', connection: { ...server, database: 'knex', dateStrings: true }, pool: { min: 0, max: 5 }, migrations: {
    migrationSource: { getMigrations: async () => Object.keys(migrations), getMigrationName: m => m, getMigration: async m => migrations[m] } } });
  equal((await db.migrate.latest())[1], ['1 make', '2 change'], 'migrations up');
  equal((await db.migrate.latest())[1], [], 'nothing is left to do');
  await db.migrate.rollback();
  equal([await db.migrate.currentVersion(), (await db.migrate.list())[1].length], ['none', 2], 'migrations down');
  await db.migrate.up();
  await db.migrate.latest();
  equal([await db.schema.hasTable('users'), await db.schema.hasTable('posts'), await db.schema.hasColumn('users', 'nick')], [true, false, true], 'hasTable, hasColumn');
  const info = await db('users').columnInfo();
  equal([info.age, info.name, info.balance, info.active, info.extra], [
    { defaultValue: '0', type: 'bigint', maxLength: null, nullable: false }, { defaultValue: null, type: 'varchar', maxLength: 80, nullable: false },
    { defaultValue: '1.5000', type: 'decimal', maxLength: null, nullable: true }, { defaultValue: '1', type: 'tinyint', maxLength: null, nullable: false },
    { defaultValue: null, type: 'json', maxLength: null, nullable: true }], 'columnInfo');

  const [id] = await db('users').insert([{ name: 'Åsa', age: 41, extra: JSON.stringify({ a: 1 }), kind: 'b', nick: 'å' }, { name: 'B', age: 3, nick: '' }]);
  await db('notes').insert([{ user_id: id, text: 'x' }, { user_id: id, text: 'y' }, { user_id: id + 1, text: 'z' }]);
  equal(await db('users').insert({ id: 1, name: 'merged', age: 42 }).onConflict('id').merge(['age']), [1], 'onConflict merge');
  equal(await db('users').insert({ id: 1, name: 'ignored' }).onConflict().ignore(), [0], 'onConflict ignore');
  equal(await db('users as u').join('notes as n', 'n.user_id', 'u.id').select('u.name', 'u.age').count({ n: 'n.id' }).groupBy('u.id', 'u.name', 'u.age').orderBy('u.id'),
    [{ name: 'Åsa', age: 42, n: 2 }, { name: 'B', age: 3, n: 1 }], 'join and groups');
  equal(await db('grown').select(), [{ id: 1, name: 'Åsa' }], 'a view');
  equal(await db.with('w', db('users').where('age', '<', 40)).select('name').from('w'), [{ name: 'B' }], 'WITH');
  equal(await db('users').select('name', db.raw('RANK() OVER (ORDER BY age DESC) AS r')).orderBy('r'), [{ name: 'Åsa', r: 1 }, { name: 'B', r: 2 }], 'a window');
  equal(await db('users').whereIn('id', db('notes').select('user_id')).whereJsonPath('extra', '$.a', '=', 1).pluck('name'), ['Åsa'], 'JSON');
  equal([await db('users').union([db('users')]).then(r => r.length), await db('users').whereExists(db('notes').whereRaw('notes.user_id = users.id')).first('name')], [2, { name: 'Åsa' }], 'UNION, EXISTS');
  await fails(db.transaction(async t => {
    await t('users').where({ id: 1 }).forUpdate().first();
    await t('users').increment('age', 5);
    await t.transaction(async inner => { await inner('notes').del(); throw new Error('undo'); }).catch(e => { if (e.message !== 'undo') throw e; });
    equal(await t('notes').count({ n: '*' }), [{ n: 3 }], 'a savepoint');
    await t('notes').insert({ user_id: 4711 });
  }, { isolationLevel: 'read committed' }), 1452, 'a transaction');
  equal(await db('users').sum({ s: 'age' }), [{ s: '45' }], 'it was rolled back');
  await db.batchInsert('notes', Array.from({ length: 300 }, (_, i) => ({ user_id: 1, text: `t${i}` })), 100);
  let n = 0;
  for await (const row of db('notes').stream()) n += row.id ? 1 : 0;
  equal(n, 303, 'a stream');
  equal(await db('users').where({ id: 1 }).del(), 1, 'delete');
  equal(await db('notes').count({ n: '*' }), [{ n: 1 }], 'its cascade');
  await db('notes').truncate();
  await db.migrate.rollback(undefined, true);
  equal((await db.raw('SHOW TABLES'))[0].length, 2, 'only the tables of the migrations are left');
  await db.destroy();
});
