// Sequelize: sync, a second sync with alter that must not fail, associations,
// transactions, introspection; migrations by umzug, up and down.
import { Sequelize, DataTypes, Op } from 'sequelize';
import { Umzug, SequelizeStorage } from 'umzug';
import mysql from 'mysql2/promise';
import { server, equal, fails, run } from './server.js';

function models(db, more = {}) {
  const User = db.define('User', {
    name: { type: DataTypes.STRING(80), allowNull: false, unique: 'name' },
    email: { type: DataTypes.STRING, validate: { isEmail: true } },
    age: { type: DataTypes.INTEGER.UNSIGNED, defaultValue: 18, comment: 'in years' },
    balance: DataTypes.DECIMAL(20, 4),
    active: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: true },
    kind: DataTypes.ENUM('a', 'b'),
    extra: DataTypes.JSON,
    photo: DataTypes.BLOB('long'),
    born: DataTypes.DATEONLY,
    key: { type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4 },
    ...more,
  }, { indexes: [{ fields: ['age', 'kind'] }, { name: 'by_mail', fields: [{ name: 'email', length: 20, order: 'DESC' }] }] });
  const Post = db.define('Post', { title: DataTypes.STRING, text: DataTypes.TEXT }, { paranoid: true });
  const Tag = db.define('Tag', { name: { type: DataTypes.STRING(30), primaryKey: true } }, { timestamps: false });
  User.hasMany(Post, { onDelete: 'CASCADE' });
  Post.belongsTo(User);
  Post.belongsToMany(Tag, { through: 'PostTags' });
  Tag.belongsToMany(Post, { through: 'PostTags' });
  return { User, Post, Tag };
}

run(async () => {
  const root = await mysql.createConnection(server);
  await root.query('DROP DATABASE IF EXISTS seq');
  await root.query('CREATE DATABASE seq');
  const sent = [];
  const db = new Sequelize('seq', server.user, server.password, { host: server.host, port: server.port, dialect: 'mysql', logging: q => sent.push(q) });
  const { User, Post, Tag } = models(db);
  await db.sync();
  const show = async () => (await Promise.all(['Users', 'Posts', 'Tags', 'PostTags'].map(t => root.query(`SHOW CREATE TABLE seq.${t}`)))).map(([[r]]) => r['Create Table']);
  const made = await show();
  await db.sync({ alter: true });
  // A foreign key gets another generated name when alter makes it again, as with MySQL.
  const names = text => text.replace(/CONSTRAINT `\w+`/g, 'CONSTRAINT').replace(/KEY `name(_\d)?`/g, 'KEY `name`');
  equal((await show()).map(names), made.map(names), 'sync with alter leaves the tables as they are');

  const u = await User.create({ name: 'Åsa', email: 'a@example.com', age: 41, balance: '-12345678.1234', kind: 'b', extra: { a: [1, null] }, photo: Buffer.from([0, 255]), born: '1999-12-31',
    Posts: [{ title: 'one', text: 'x'.repeat(1000), Tags: [{ name: 'p' }, { name: 'q' }] }, { title: 'two' }] }, { include: [{ model: Post, include: Tag }] });
  await User.bulkCreate(Array.from({ length: 50 }, (_, i) => ({ name: `n${i}`, age: i })), { updateOnDuplicate: ['age'] });
  await User.bulkCreate([{ name: 'n1', age: 99 }], { updateOnDuplicate: ['age'] });
  const got = await User.findOne({ where: { name: 'Åsa', extra: { a: { [Op.ne]: null } } }, include: [{ model: Post, include: Tag }], order: [[Post, 'title', 'ASC'], [Post, Tag, 'name', 'ASC']] });
  equal([got.balance, got.extra, got.photo, got.born, got.active, got.key.length, got.Posts.map(p => p.Tags.map(t => t.name))],
    ['-12345678.1234', { a: [1, null] }, Buffer.from([0, 255]), '1999-12-31', true, 36, [['p', 'q'], []]], 'rows with associations');
  equal((await User.findOne({ where: { name: 'n1' } })).age, 99, 'ON DUPLICATE KEY UPDATE');
  const page = await User.findAndCountAll({ where: { age: { [Op.between]: [10, 30] }, name: { [Op.like]: 'n%' } }, include: Post, limit: 5, offset: 5, order: [['age', 'DESC']], distinct: true });
  equal([page.count, page.rows.map(r => r.age)], [21, [25, 24, 23, 22, 21]], 'a page and its count');
  equal(await User.findAll({ attributes: ['kind', [db.fn('COUNT', db.col('id')), 'n']], group: 'kind', raw: true, order: [['kind', 'ASC']] }), [{ kind: null, n: 50 }, { kind: 'b', n: 1 }], 'groups');
  await fails(User.create({ name: 'n1' }), 1062, 'a second user of that name');
  await fails(Post.create({ title: 'x', UserId: 4711 }), 1452, 'a post of nobody');
  const [, created] = await Tag.findOrCreate({ where: { name: 'r' } });
  equal(created, true, 'findOrCreate');
  await fails(db.transaction({ isolationLevel: Sequelize.Transaction.ISOLATION_LEVELS.READ_COMMITTED }, async t => {
    await User.increment('age', { by: 1, where: {}, transaction: t });
    await User.findByPk(u.id, { transaction: t, lock: t.LOCK.UPDATE });
    await User.create({ name: 'n2' }, { transaction: t });
  }), 1062, 'a transaction');
  equal((await User.findByPk(u.id)).age, 41, 'it was rolled back');
  const posts = await u.getPosts();
  await posts[0].destroy();
  equal([await Post.count(), await Post.count({ paranoid: false })], [1, 2], 'deleted softly');
  await u.destroy();
  equal(await Post.count({ paranoid: false }), 0, 'ON DELETE CASCADE');

  const q = db.getQueryInterface();
  const columns = await q.describeTable('Users');
  equal([columns.name, columns.age.comment, columns.kind.type, columns.id.primaryKey, columns.active.defaultValue],
    [{ type: 'VARCHAR(80)', allowNull: false, defaultValue: null, primaryKey: false, autoIncrement: false, comment: null }, 'in years', "ENUM('a','b')", true, '1'], 'describeTable');
  equal((await q.showIndex('Users')).map(i => [i.name, i.unique, i.fields.map(f => [f.attribute, f.length ?? null, f.order ?? null])]).sort(),
    [['PRIMARY', true, [['id', null, 'ASC']]], ['by_mail', false, [['email', 20, null]]], ['name', true, [['name', null, 'ASC']]], ['users_age_kind', false, [['age', null, 'ASC'], ['kind', null, 'ASC']]]].sort(), 'showIndex');
  equal((await q.getForeignKeyReferencesForTable('Posts')).map(r => [r.columnName, r.referencedTableName, r.referencedColumnName]), [['UserId', 'Users', 'id']], 'foreign keys');
  equal((await q.showAllTables()).length, 4, 'showAllTables');

  const migrations = [
    { name: '1', up: ({ context: i }) => i.createTable('m', { id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true }, s: DataTypes.STRING(20) }), down: ({ context: i }) => i.dropTable('m') },
    { name: '2', up: async ({ context: i }) => {
      await i.addColumn('m', 'n', { type: DataTypes.BIGINT, allowNull: false, defaultValue: 7, after: 'id' });
      await i.changeColumn('m', 's', { type: DataTypes.STRING(200), allowNull: false, defaultValue: 'd' });
      await i.addIndex('m', ['s'], { unique: true, name: 'u' });
      await i.addColumn('m', 'tag', { type: DataTypes.STRING(30), references: { model: 'Tags', key: 'name' }, onUpdate: 'CASCADE', onDelete: 'SET NULL' });
      await i.renameColumn('m', 'n', 'number');
      await i.addConstraint('m', { type: 'check', name: 'small', fields: ['number'], where: { number: { [Op.lt]: 100 } } });
    }, down: async ({ context: i }) => {
      await i.sequelize.query('ALTER TABLE m DROP CHECK small'); // removeConstraint knows no CHECK
      await i.removeColumn('m', 'tag');
      await i.removeIndex('m', 'u');
      await i.removeColumn('m', 'number');
    } },
    { name: '3', up: ({ context: i }) => i.renameTable('m', 'mm'), down: ({ context: i }) => i.renameTable('mm', 'm') },
  ];
  const umzug = new Umzug({ migrations, context: q, storage: new SequelizeStorage({ sequelize: db }), logger: undefined });
  await umzug.up();
  equal([(await umzug.executed()).map(m => m.name), Object.keys(await q.describeTable('mm'))], [['1', '2', '3'], ['id', 'number', 's', 'tag']], 'migrations up');
  await umzug.down({ to: '2' });
  equal([(await umzug.executed()).map(m => m.name), Object.keys(await q.describeTable('m'))], [['1'], ['id', 's']], 'migrations down');
  const later = new Sequelize('seq', server.user, server.password, { host: server.host, port: server.port, dialect: 'mysql', logging: false });
  models(later, { age: { type: DataTypes.BIGINT, allowNull: false, defaultValue: 3 }, nick: DataTypes.STRING(10) });
  await later.sync({ alter: true });
  const changed = await later.getQueryInterface().describeTable('Users');
  equal([changed.age.type, changed.age.allowNull, changed.age.defaultValue, changed.nick.type], ['BIGINT', false, '3', 'VARCHAR(10)'], 'sync with alter changes columns');
  await q.dropAllTables();
  equal(await q.showAllTables(), [], 'dropAllTables');
  await Promise.all([db.close(), later.close(), root.end()]);
});
