package conf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"
)

// isYAML reports whether an option file is YAML: its name says so.
func isYAML(path string) bool {
	ext := filepath.Ext(path)
	return ext == ".yaml" || ext == ".yml"
}

// readYAML reads an option file that is one mapping of option names to values;
// a repeatable option takes a list, a switch true or false:
//
//	server-id: 1
//	log-bin: mysql-bin
//	binlog_ignore_db: [mysql, test]
//
// The options may stand in a mapping named as a group of a my.cnf; other groups
// are passed over.
func readYAML(path string) ([]setting, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxOptionFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxOptionFile {
		return nil, fmt.Errorf("%s: larger than %d bytes, not an option file", path, maxOptionFile)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(doc.Content) == 0 { // nothing but comments
		return nil, nil
	}
	return yamlOptions(doc.Content[0], path, true)
}

// yamlOptions returns the options of one mapping. outer says that groups may
// stand in it.
func yamlOptions(m *yaml.Node, path string, outer bool) ([]setting, error) {
	place := func(n *yaml.Node) string { return fmt.Sprintf("%s:%d", path, n.Line) }
	if m.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: want a mapping of options to values", place(m))
	}
	var out []setting
	for i := 0; i+1 < len(m.Content); i += 2 {
		key, value := m.Content[i], m.Content[i+1]
		if outer && value.Kind == yaml.MappingNode {
			if slices.Contains(groups, key.Value) {
				inner, err := yamlOptions(value, path, false)
				if err != nil {
					return nil, err
				}
				out = append(out, inner...)
			}
			continue
		}
		items := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			items = value.Content
		}
		for _, item := range items {
			text, err := yamlText(item)
			if err != nil {
				return nil, fmt.Errorf("%s: option '%s': %w", place(item), key.Value, err)
			}
			out = append(out, setting{name: key.Value, value: text, bare: item.Tag == "!!null", place: place(key)})
		}
	}
	return out, nil
}

// yamlText is a scalar as a my.cnf would spell it.
func yamlText(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", errors.New("want a value or a list of values")
	}
	if n.Tag == "!!bool" {
		on, err := parseBool(n.Value)
		if err != nil {
			return "", err
		}
		return map[bool]string{true: "ON", false: "OFF"}[on], nil
	}
	return n.Value, nil
}
