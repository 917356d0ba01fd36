<?php

declare(strict_types=1);

namespace Fantail;

/** Whatever goes wrong at the control port. */
class ControlException extends \RuntimeException implements FantailException
{
}
