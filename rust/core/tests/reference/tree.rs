//! One tree, written to be read: boxes and masses are found anew from the
//! points whenever they are asked for, in double precision.

use fastrcf::state::FlatNode;

pub type Point = Vec<f32>;

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Leaf {
        point: Point,
        copies: u32,
    },
    /// Rows with `point[dim] <= cut` are in `children[0]`.
    Split {
        dim: usize,
        cut: f32,
        children: [Box<Node>; 2],
    },
}

/// The smallest box around points.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    pub lo: Vec<f64>,
    pub hi: Vec<f64>,
}

impl Bounds {
    pub fn of<'a>(points: impl IntoIterator<Item = &'a Point>) -> Option<Bounds> {
        let mut points = points.into_iter();
        let first = points.next()?;
        let first: Vec<f64> = first.iter().map(|&v| f64::from(v)).collect();
        let mut bounds = Bounds {
            lo: first.clone(),
            hi: first,
        };
        for point in points {
            for (j, &v) in point.iter().enumerate() {
                bounds.lo[j] = bounds.lo[j].min(f64::from(v));
                bounds.hi[j] = bounds.hi[j].max(f64::from(v));
            }
        }
        Some(bounds)
    }

    pub fn range(&self) -> f64 {
        self.lo.iter().zip(&self.hi).map(|(lo, hi)| hi - lo).sum()
    }

    /// How far `q` lies below and above the box in column `j`.
    pub fn gap(&self, q: &[f32], j: usize) -> (f64, f64) {
        let v = f64::from(q[j]);
        ((self.lo[j] - v).max(0.0), (v - self.hi[j]).max(0.0))
    }

    pub fn gaps(&self, q: &[f32]) -> f64 {
        (0..q.len())
            .map(|j| self.gap(q, j))
            .map(|(below, above)| below + above)
            .sum()
    }

    /// Probability that a random cut of the box with `q` separates `q`.
    pub fn separation(&self, q: &[f32]) -> f64 {
        let gaps = self.gaps(q);
        if gaps == 0.0 {
            return 0.0;
        }
        gaps / (self.range() + gaps)
    }
}

/// The value of a row that is separated at a depth.
fn unseen(depth: usize) -> f64 {
    1.0 / (depth as f64 + 1.0)
}

/// Parts of a value per column: low and high.
pub type Parts = (Vec<f64>, Vec<f64>);

/// The parts of a value when a box separates `q` here, or leaves what is below.
fn blend(below: Parts, bounds: &Bounds, q: &[f32], depth: usize) -> Parts {
    let union = bounds.range() + bounds.gaps(q);
    let stay = 1.0 - bounds.separation(q);
    let (mut low, mut high) = below;
    for j in 0..q.len() {
        let (down, up) = bounds.gap(q, j);
        let share = |gap: f64| if gap > 0.0 { gap / union } else { 0.0 };
        low[j] = share(down) * unseen(depth) + stay * low[j];
        high[j] = share(up) * unseen(depth) + stay * high[j];
    }
    (low, high)
}

impl Node {
    pub fn leaf(point: &[f32]) -> Node {
        Node::Leaf {
            point: point.to_vec(),
            copies: 1,
        }
    }

    /// The tree that preorder nodes describe.
    pub fn from_flat(nodes: &[FlatNode], points: &[f32], d: usize) -> Option<Node> {
        let mut nodes = nodes.iter();
        let tree = Node::read(&mut nodes, points, d);
        assert!(nodes.next().is_none(), "nodes behind the end of a tree");
        tree
    }

    fn read(nodes: &mut std::slice::Iter<'_, FlatNode>, points: &[f32], d: usize) -> Option<Node> {
        Some(match *nodes.next()? {
            FlatNode::Leaf { point, mass } => Node::Leaf {
                point: points[point as usize * d..][..d].to_vec(),
                copies: mass,
            },
            FlatNode::Split { dim, cut } => {
                let left = Node::read(nodes, points, d)?;
                let right = Node::read(nodes, points, d)?;
                Node::Split {
                    dim: dim as usize,
                    cut,
                    children: [Box::new(left), Box::new(right)],
                }
            }
        })
    }

    /// The distinct points.
    pub fn points(&self) -> Vec<&Point> {
        match self {
            Node::Leaf { point, .. } => vec![point],
            Node::Split { children, .. } => {
                let mut points = children[0].points();
                points.append(&mut children[1].points());
                points
            }
        }
    }

    pub fn mass(&self) -> u32 {
        match self {
            Node::Leaf { copies, .. } => *copies,
            Node::Split { children, .. } => children[0].mass() + children[1].mass(),
        }
    }

    pub fn bounds(&self) -> Bounds {
        Bounds::of(self.points()).expect("a node holds points")
    }

    /// Edges from here to the leaf that `q` falls to.
    pub fn depth(&self, q: &[f32]) -> usize {
        match self {
            Node::Leaf { .. } => 0,
            Node::Split { dim, cut, children } => {
                1 + children[usize::from(q[*dim] > *cut)].depth(q)
            }
        }
    }

    pub fn holds(&self, q: &[f32]) -> bool {
        match self {
            Node::Leaf { point, .. } => point == q,
            Node::Split { dim, cut, children } => children[usize::from(q[*dim] > *cut)].holds(q),
        }
    }

    /// The tree without one copy of `p`, which it holds.
    pub fn without(self, p: &[f32]) -> Option<Node> {
        match self {
            Node::Leaf { point, copies } => {
                assert_eq!(point, p, "deleted where it is not held");
                let copies = copies - 1;
                (copies > 0).then_some(Node::Leaf { point, copies })
            }
            Node::Split { dim, cut, children } => {
                let right = p[dim] > cut;
                let [left_child, right_child] = children;
                let (side, other) = match right {
                    true => (right_child, left_child),
                    false => (left_child, right_child),
                };
                let Some(side) = side.without(p) else {
                    // The sibling takes the parent's place.
                    return Some(*other);
                };
                let children = match right {
                    true => [other, Box::new(side)],
                    false => [Box::new(side), other],
                };
                Some(Node::Split { dim, cut, children })
            }
        }
    }

    /// Whether `new` is this tree with `p` inserted by some random choice: one
    /// more copy of `p` at its leaf, or one new split whose cut lies in the gap
    /// between `p` and the box of the node that it was put above.
    pub fn joined_by(&self, p: &[f32], new: &Node) -> Result<(), String> {
        match (self, new) {
            (
                Node::Leaf { point, copies },
                Node::Leaf {
                    point: after,
                    copies: now,
                },
            ) if point == p => match after == p && *now == copies + 1 {
                true => Ok(()),
                false => Err(format!("{copies} copies became {now} of {after:?}")),
            },
            (
                Node::Split { dim, cut, children },
                Node::Split {
                    dim: new_dim,
                    cut: new_cut,
                    children: new_children,
                },
            ) if dim == new_dim && cut.to_bits() == new_cut.to_bits() => {
                let side = usize::from(p[*dim] > *cut);
                if children[1 - side] != new_children[1 - side] {
                    return Err("the insertion changed the other side of a cut".into());
                }
                children[side].joined_by(p, &new_children[side])
            }
            (old, Node::Split { dim, cut, children }) => {
                let bounds = old.bounds();
                let (at, cut) = (f64::from(p[*dim]), f64::from(*cut));
                let (lo, hi) = (bounds.lo[*dim], bounds.hi[*dim]);
                let left = at < lo;
                let in_gap = match left {
                    true => at <= cut && cut < lo,
                    false => hi <= cut && cut < at,
                };
                if !in_gap {
                    return Err(format!(
                        "cut {cut} of column {dim} is not between {at} and [{lo}, {hi}]"
                    ));
                }
                let (leaf, rest) = (&children[usize::from(!left)], &children[usize::from(left)]);
                match **leaf == Node::leaf(p) && **rest == *old {
                    true => Ok(()),
                    false => Err("the new split changed what it was put above".into()),
                }
            }
            (old, new) => Err(format!("{old:?} became {new:?}")),
        }
    }

    /// The tree's score of `q`, normalised.
    pub fn score(&self, q: &[f32]) -> f64 {
        let mass = f64::from(self.mass());
        self.value(q, 0, mass) * (mass + 1.0).log2()
    }

    fn value(&self, q: &[f32], depth: usize, tree_mass: f64) -> f64 {
        match self {
            Node::Leaf { point, copies } if point == q => {
                let m = f64::from(*copies);
                (1.0 - m / (2.0 * tree_mass)) / (depth as f64 + (m + 1.0).log2())
            }
            Node::Leaf { .. } => unseen(depth),
            Node::Split { dim, cut, children } => {
                let below = children[usize::from(q[*dim] > *cut)].value(q, depth + 1, tree_mass);
                let p = self.bounds().separation(q);
                p * unseen(depth) + (1.0 - p) * below
            }
        }
    }

    /// Expected mass beside `q`.
    pub fn displacement(&self, q: &[f32]) -> f64 {
        match self {
            Node::Leaf { copies, .. } => f64::from(*copies),
            Node::Split { dim, cut, children } => {
                let below = children[usize::from(q[*dim] > *cut)].displacement(q);
                let p = self.bounds().separation(q);
                p * f64::from(self.mass()) + (1.0 - p) * below
            }
        }
    }

    /// Collusive displacement: that of a held row is the largest ratio of the
    /// mass beside a group that holds it to the group's; that of another row is
    /// the expectation over the trees that its insertion may give.
    pub fn codisp(&self, q: &[f32]) -> f64 {
        if self.holds(q) {
            return self.codisp_of_held(q);
        }
        let (mut expected, mut reached) = (0.0, 1.0);
        for depth in 0..=self.depth(q) {
            let p = self.node_on_path(q, depth).bounds().separation(q);
            let joined = self.with_leaf_above(q, depth);
            expected += reached * p * joined.codisp_of_held(q);
            reached *= 1.0 - p;
        }
        expected
    }

    fn codisp_of_held(&self, q: &[f32]) -> f64 {
        match self {
            Node::Leaf { .. } => 0.0,
            Node::Split { dim, cut, children } => {
                let side = usize::from(q[*dim] > *cut);
                let ratio = f64::from(children[1 - side].mass()) / f64::from(children[side].mass());
                ratio.max(children[side].codisp_of_held(q))
            }
        }
    }

    fn node_on_path(&self, q: &[f32], depth: usize) -> &Node {
        match self {
            Node::Split { dim, cut, children } if depth > 0 => {
                children[usize::from(q[*dim] > *cut)].node_on_path(q, depth - 1)
            }
            node => node,
        }
    }

    /// The tree with a leaf of `q` above the node at `depth` on its path.
    fn with_leaf_above(&self, q: &[f32], depth: usize) -> Node {
        match self {
            Node::Split { dim, cut, children } if depth > 0 => {
                let side = usize::from(q[*dim] > *cut);
                let mut children = children.clone();
                *children[side] = children[side].with_leaf_above(q, depth - 1);
                Node::Split {
                    dim: *dim,
                    cut: *cut,
                    children,
                }
            }
            node => {
                let bounds = node.bounds();
                let outside = (0..q.len()).find(|&j| bounds.gap(q, j) != (0.0, 0.0));
                // A row inside the box is never separated here.
                let Some(dim) = outside else {
                    return node.clone();
                };
                let left = f64::from(q[dim]) < bounds.lo[dim];
                let cut = if left { q[dim] } else { bounds.hi[dim] as f32 };
                node.clone().split_off(q, dim, cut)
            }
        }
    }

    /// This node and a leaf of `p` below a new split.
    pub fn split_off(self, p: &[f32], dim: usize, cut: f32) -> Node {
        let (leaf, node) = (Box::new(Node::leaf(p)), Box::new(self));
        let children = match p[dim] <= cut {
            true => [leaf, node],
            false => [node, leaf],
        };
        Node::Split { dim, cut, children }
    }

    /// The tree's attribution of `q`: it sums to the tree's score.
    pub fn attribution(&self, q: &[f32]) -> Parts {
        let (mut low, mut high) = match self.holds(q) {
            true => self.parts_in_shadow(q, 0),
            false => self.parts(q, 0),
        };
        let total: f64 = low.iter().chain(&high).sum();
        let scale = self.score(q) / total;
        low.iter_mut().chain(&mut high).for_each(|v| *v *= scale);
        (low, high)
    }

    fn parts(&self, q: &[f32], depth: usize) -> Parts {
        let below = match self {
            Node::Leaf { .. } => (vec![0.0; q.len()], vec![0.0; q.len()]),
            Node::Split { dim, cut, children } => {
                children[usize::from(q[*dim] > *cut)].parts(q, depth + 1)
            }
        };
        blend(below, &self.bounds(), q, depth)
    }

    /// The parts of a row that the tree holds, as if its leaf were not there.
    fn parts_in_shadow(&self, q: &[f32], depth: usize) -> Parts {
        match self {
            Node::Leaf { .. } => {
                let equal = vec![0.5 / q.len() as f64; q.len()];
                (equal.clone(), equal)
            }
            Node::Split { dim, cut, children } => {
                let side = usize::from(q[*dim] > *cut);
                let below = children[side].parts_in_shadow(q, depth + 1);
                let others = self.points().into_iter().filter(|point| *point != q);
                let shadow = Bounds::of(others).expect("the other side of the cut");
                blend(below, &shadow, q, depth)
            }
        }
    }
}
