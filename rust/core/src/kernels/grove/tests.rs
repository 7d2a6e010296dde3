use super::*;

fn inner(column: usize, child: [Result<usize, usize>; 2]) -> Inner {
    Inner {
        cut: 0.5,
        column,
        range: 1.0,
        child,
        enough: [false; 2],
    }
}

fn grove(trees: &[Vec<Inner>]) -> Option<Grove> {
    Grove::of(trees.iter().map(|tree| tree.iter().copied()))
}

#[test]
fn what_is_no_tree_makes_no_grove() {
    let stump = vec![inner(0, [Err(0), Err(1)])];
    assert!(grove(std::slice::from_ref(&stump)).is_some());
    assert!(grove(&vec![stump.clone(); TREES]).is_some());
    assert!(grove(&vec![stump.clone(); TREES + 1]).is_none());
    assert!(grove(&[]).is_none() && grove(&[stump, vec![]]).is_none());
    // Children that are not there, that go round, and leaves too many.
    for child in [Ok(1), Ok(0), Err(2)] {
        assert!(grove(&[vec![inner(0, [Err(0), child])]]).is_none());
    }
    // A node with two parents has two depths, and the last is not the largest.
    let knot = |second| -> Vec<Inner> {
        let children = [
            [Ok(1), Ok(3)],
            [Ok(2), Err(0)],
            [Ok(4), Err(1)],
            [second, Err(2)],
            [Err(3), Err(4)],
        ];
        children.map(|child| inner(0, child)).to_vec()
    };
    assert!(grove(&[knot(Err(5))]).is_some());
    assert!(grove(&[knot(Ok(4))]).is_none());
    let chain = |n: usize| -> Vec<Inner> {
        (1..n)
            .map(|at| inner(0, [Err(at - 1), Ok(at)]))
            .chain([inner(0, [Err(n - 1), Err(n)])])
            .collect()
    };
    assert!(grove(&[chain(MOST_LEVELS - 1)]).is_some());
    assert!(grove(&[chain(MOST_LEVELS)]).is_none());
    assert!(grove(&[chain(MOST_LEAVES)]).is_none());
}

#[test]
fn a_row_or_boxes_that_do_not_fit_are_refused() {
    let stump = vec![inner(5, [Err(0), Err(1)])];
    let grove = grove(&[stump.clone(), stump]).unwrap();
    let mut buffers = Buffers::default();
    let mut fits = |boxes: &[&[f32]], row: &[f32]| {
        let boxes = boxes.iter().copied();
        grove
            .values(boxes, row, Asked::Both, &mut buffers)
            .is_some()
    };
    let (row, bounds) = ([0.0; 8], [0.0; 16]);
    assert!(fits(&[&bounds, &bounds], &row));
    assert!(!fits(&[&bounds], &row));
    assert!(!fits(&[&bounds, &bounds[1..]], &row));
    assert!(!fits(&[&bounds, &bounds], &row[..4]));
    assert!(!fits(&[&bounds, &bounds], &row[..7]));
}

#[test]
fn a_box_that_only_seems_to_hold_a_row_ends_no_way() {
    for len in [4, 8, 16, 24, 32, 40, 48] {
        let mut q = vec![0.25; len];
        q[len - 1] = 2.0;
        let bounds = [vec![0.0; len], vec![1.0; len]].concat().repeat(2);
        let union = len as f32 + 1.0;
        // The lower node's range is such that its box seems to be the union.
        let root = Inner {
            range: len as f32,
            ..inner(0, [Ok(1), Err(2)])
        };
        let below = Inner {
            range: union,
            ..inner(0, [Err(0), Err(1)])
        };
        let grove = grove(&vec![vec![root, below]; 3]).unwrap();
        let mut buffers = Buffers::default();
        let boxes = std::iter::repeat_n(&bounds[..], 3);
        let Found { values, near, .. } =
            grove.values(boxes, &q, Asked::Depth, &mut buffers).unwrap();
        let third = 1.0f32 / 3.0;
        let value = third + (union - len as f32) / union * (1.0 - third);
        assert_eq!(values, [value; 3]);
        assert!(near.is_empty());
        // And one that holds it ends it, and may be the leaf's point.
        q[len - 1] = 1.0;
        let boxes = std::iter::repeat_n(&bounds[..], 3);
        let grove = Grove {
            nodes: grove
                .nodes
                .iter()
                .map(|&node| Node {
                    range: len as f32,
                    ..node
                })
                .collect(),
            ..grove
        };
        let Found { values, near, .. } =
            grove.values(boxes, &q, Asked::Depth, &mut buffers).unwrap();
        assert_eq!(values, [third; 3]);
        assert_eq!(near, [(0, 0), (1, 0), (2, 0)]);
    }
}
